#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace verse {

/// Where tensors live and why that was chosen.
struct DeviceChoice {
  torch::Device device = torch::kCPU;
  std::string reason;     ///< one sentence, for the reader
  bool bfloat16 = false;  ///< whether it computes in bfloat16 by itself: NVIDIA's from compute capability 8.0 on
};

/// `auto` takes CUDA where it works, else the CPU; `cpu`, `cuda` (the first GPU), `cuda:N` and `mps` (Apple's GPU, not
/// yet tried) are taken at their word. @throws UsageError for another name, or for a GPU that does not work, with why.
DeviceChoice choose_device(const std::string& name);

/// @throws UsageError where choose_device() knows no such name; looks at no device
void check_device_name(const std::string& name);

/// Loads LibTorch's CUDA half and our plugin where an NVIDIA driver answers. To be called first thing in main(): asking
/// LibTorch for CUDA before its library is loaded settles the answer to "no" for the whole process. Harmless elsewhere.
void prepare_cuda();

/// Takes the functions that record a GPU's work from the library at that place: libverse_cuda.so, or a test's stand-in.
/// @return why they cannot be used; empty where they can
std::string use_plugin(const std::filesystem::path& place);

/// Work on a GPU that was recorded once and can be played back: a CUDA graph. Asking for a thousand operations one by
/// one can take longer than the operations; a recording is one request.
class Recording {
 public:
  /// Records what `work` asks of the GPU, without doing it. The work must be the same each time: what it reads and
  /// writes stays where it is in memory, and it waits for no result. It should have been done a few times before.
  /// @param problem receives why there is no recording, in one line
  /// @return null where nothing can be recorded; `work` may then have been done in part, and is to be done again
  static std::unique_ptr<Recording> make(const std::function<void()>& work, std::string& problem);

  ~Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  /// Asks for all of it again.
  void play();

 private:
  explicit Recording(void* graph) : graph_(graph) {}
  void* graph_;
};

/// The most memory that tensors have held on a device so far, in bytes; for a CPU, the process as a whole.
std::optional<std::int64_t> peak_memory(torch::Device device);

/// From here on, a GPU's peak_memory() counts anew.
void forget_peak_memory(torch::Device device);

/// The memory of a GPU that tensors of this process may take, in bytes: what is free, and what they hold already.
std::int64_t memory_for_tensors(torch::Device device);

/// LibTorch's message about a GPU's memory that did not suffice, told in one line: what was needed and what was there.
std::string out_of_memory_line(const std::string& message);

/// What a device multiplies at best, in operations a second.
struct DevicePeak {
  std::string name;                  ///< as the device calls itself
  std::optional<double> operations;  ///< of dense matrix products; none for a card that we do not know
};

/// A graphics card's peak by its name, from its maker's data sheet. @param bfloat16 with products in bfloat16, else in
/// TF32 where the card has it and float32 where not
DevicePeak card_peak(const std::string& name, bool bfloat16);

/// The same for a device here; a CPU has no name that settles it.
DevicePeak device_peak(torch::Device device, bool bfloat16);

}  // namespace verse
