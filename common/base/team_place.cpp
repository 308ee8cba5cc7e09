#include "common/base/team_place.h"

#include <cstdlib>
#include <initializer_list>
#include <stdexcept>

#include "common/base/error.h"

namespace verse {

namespace {

/// How a launcher calls what it says.
struct Launcher {
  const char* name;
  const char* size;
  const char* rank;
  const char* local_rank;
  const char* local_size;
};

// torchrun sets the plain names; under mpirun or srun they count too, as whoever sets them means them.
constexpr Launcher kLaunchers[] = {
    {"WORLD_SIZE", "WORLD_SIZE", "RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE"},
    {"Open MPI", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_RANK",
     "OMPI_COMM_WORLD_LOCAL_SIZE"},
    {"MPICH", "PMI_SIZE", "PMI_RANK", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"},
    {"srun", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "SLURM_LOCALID", nullptr},
};

/// A whole number in [least, most] from the environment. @throws UsageError
std::optional<int> number(const Environment& variable, const std::string& name, int least, int most) {
  const auto text = variable(name);
  if (!text) return std::nullopt;
  char* end = nullptr;
  const long value = std::strtol(text->c_str(), &end, 10);
  if (*end != '\0' || value < least || value > most) {
    throw UsageError("the environment's " + name + " must be a whole number between " + std::to_string(least) +
                     " and " + std::to_string(most) + ", not \"" + *text + "\"");
  }
  return static_cast<int>(value);
}

std::optional<std::string> first_of(const Environment& variable, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (auto text = variable(name)) return text;
  }
  return std::nullopt;
}

/// The first machine of Slurm's list: node03 of "node[03-07,9],other1".
std::string first_host(const std::string& list) {
  const auto bracket = list.find('['), comma = list.find(',');
  if (bracket == std::string::npos || comma < bracket) return list.substr(0, comma);
  const auto end = list.find_first_of(",-]", bracket);
  return list.substr(0, bracket) + list.substr(bracket + 1, end - bracket - 1);
}

/// Where rank 0 is to be found.
void read_address(const Environment& variable, Place& place) {
  constexpr int kMostPorts = 65535;
  if (const auto address = variable("MASTER_ADDR")) {
    place.address = *address;
  } else if (const auto nodes = first_of(variable, {"SLURM_STEP_NODELIST", "SLURM_NODELIST"})) {
    place.address = first_host(*nodes);
  } else if (place.local_size.value_or(place.size) < place.size) {
    throw UsageError("the " + std::to_string(place.size) + " processes are on several machines (" +
                     std::to_string(*place.local_size) +
                     " on this one): give them the address of rank 0's in the variable MASTER_ADDR");
  }
  if (const auto port = number(variable, "MASTER_PORT", 1, kMostPorts)) {
    place.port = *port;
  } else if (const auto job = number(variable, "SLURM_JOB_ID", 0, INT32_MAX)) {
    place.port = 15000 + *job % 20000;  // two jobs on one machine seldom meet
  }
}

}  // namespace

std::optional<std::string> environment_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

Place place_from_environment(const Environment& variable) {
  constexpr int kMostRanks = 100'000;
  Place place;
  const Launcher* launcher = nullptr;
  for (const Launcher& each : kLaunchers) {
    if (launcher == nullptr && variable(each.size)) launcher = &each;
  }
  if (launcher == nullptr) return place;

  place.size = *number(variable, launcher->size, 1, kMostRanks);
  const auto rank = number(variable, launcher->rank, 0, place.size - 1);
  if (!rank) {
    throw UsageError("the environment has " + std::string(launcher->size) + ", how many processes there are, but no " +
                     launcher->rank + ", which of them this one is");
  }
  place.rank = *rank;
  place.local_rank = number(variable, launcher->local_rank, 0, kMostRanks).value_or(place.rank);
  if (launcher->local_size != nullptr) place.local_size = number(variable, launcher->local_size, 1, place.size);
  place.launcher = launcher->name;
  // A launcher that says neither has started them all here.
  const std::string address = variable("MASTER_ADDR").value_or(place.address);
  const bool here = address == "127.0.0.1" || address == "localhost";
  if (!place.local_size && here && launcher == &kLaunchers[0]) place.local_size = place.size;
  if (place.size == 1) return place;

  read_address(variable, place);
  place.hosted = variable("TORCHELASTIC_USE_AGENT_STORE").value_or("") == "True";
  // Whatever names the job and this attempt at it.
  place.job = first_of(variable, {"VERSE_JOB", "TORCHELASTIC_RUN_ID", "SLURM_JOB_ID", "PMIX_NAMESPACE"}).value_or("0");
  if (const auto step = variable("SLURM_STEP_ID")) place.job += "." + *step;
  if (const auto attempt = variable("TORCHELASTIC_RESTART_COUNT")) place.job += "/" + *attempt;
  return place;
}

}  // namespace verse
