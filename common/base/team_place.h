#pragma once

/// @file
/// Which of several processes this one is. Whoever starts them says it in the environment.

#include <functional>
#include <optional>
#include <string>

namespace verse {

/// A process's place among those that train one model together.
struct Place {
  int rank = 0;  ///< this one's number, from 0
  int size = 1;  ///< how many there are
  int local_rank = 0;
  std::optional<int> local_size;      ///< how many of them are on this machine, where the launcher says so
  std::string address = "127.0.0.1";  ///< of rank 0's machine
  int port = 29500;                   ///< there
  bool hosted = false;                ///< the launcher holds the store at that address; otherwise rank 0 does
  std::string job = "0";              ///< tells two jobs at one address apart, and two attempts at one job
  std::string launcher;               ///< for messages; empty where nobody launched several
};

/// The value of an environment's variable, where it is set and not empty.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// This process's environment.
std::optional<std::string> environment_variable(const std::string& name);

/// Reads the place from what a launcher sets: torchrun, Open MPI's mpirun, MPICH's and Intel's (Hydra), Slurm's srun,
/// or plain WORLD_SIZE, RANK, LOCAL_RANK. MASTER_ADDR, MASTER_PORT and VERSE_JOB count with each of them. Without any,
/// the process is alone.
/// @throws UsageError for a variable that is no number or out of range, or an address that is missing
Place place_from_environment(const Environment& variable = environment_variable);

}  // namespace verse
