#include "common/gpu_kernels.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <type_traits>

#include "common/base/digest.h"
#include "common/base/files.h"

namespace verse {

namespace {

/// The plugin's functions. prepare_cuda() has loaded it where there is a card.
struct Functions {
  int (*architecture)(char* text, int size) = nullptr;
  int (*compile)(const char* architecture, const char* source, const char* const* options, int count, void** code,
                 unsigned long long* code_size, char* problem, int size) = nullptr;
  void* (*load)(const void* code, char* problem, int size) = nullptr;
  void* (*kernel)(void* library, const char* name) = nullptr;
  int (*launch)(void* kernel, const unsigned* grid, const unsigned* block, unsigned shared, void** arguments, int early,
                char* problem, int size) = nullptr;
  int (*multiply)(const verse_cuda_product* product, char* problem, int size) = nullptr;
  void (*try_algorithms)(int tries) = nullptr;
  int (*aside_begin)() = nullptr;
  int (*aside_end)(int number) = nullptr;
  int (*aside_wait)(int number) = nullptr;
  int (*processors)() = nullptr;

  bool complete() const {
    return architecture && compile && load && kernel && launch && multiply && try_algorithms && aside_begin &&
           aside_end && aside_wait && processors;
  }
};

const Functions& functions() {
  static const Functions found = [] {
    Functions all;
    const auto find = [](auto& function, const char* name) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(RTLD_DEFAULT, name));
    };
    find(all.architecture, "verse_cuda_architecture");
    find(all.compile, "verse_cuda_compile_for");
    find(all.load, "verse_cuda_load");
    find(all.kernel, "verse_cuda_kernel");
    find(all.launch, "verse_cuda_launch");
    find(all.multiply, "verse_cuda_multiply");
    find(all.try_algorithms, "verse_cuda_try_algorithms");
    find(all.aside_begin, "verse_cuda_aside_begin");
    find(all.aside_end, "verse_cuda_aside_end");
    find(all.aside_wait, "verse_cuda_aside_wait");
    find(all.processors, "verse_cuda_multiprocessors");
    return all;
  }();
  return found;
}

/// Where compiled kernels are kept: a folder of the user's for what can be made again. None where there is no such.
std::optional<std::filesystem::path> kept_code(const std::string& all) {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  std::filesystem::path folder;
  if (cache != nullptr && *cache == '/') {
    folder = cache;
  } else if (home != nullptr && *home == '/') {
    folder = std::filesystem::path(home) / ".cache";
  } else {
    return std::nullopt;
  }
  return folder / "chapter-and-verse" / fmt::format("kernels-{}.cubin", text_digest(all));
}

/// A run without it is still a run: where it cannot be kept, nothing is said.
void keep(const std::filesystem::path& place, const std::string& code) {
  try {
    std::filesystem::create_directories(place.parent_path());
    write_file_atomically(place, code);
  } catch (const std::exception&) {
  }
}

class CardLauncher : public Launcher {
 public:
  explicit CardLauncher(void* library) : library_(library), processors_(functions().processors()) {}

  void launch(const char* name, Grid grid, Grid block, unsigned shared, void** arguments, bool early) override {
    void*& kernel = kernels_[name];
    if (kernel == nullptr) kernel = functions().kernel(library_, name);
    if (kernel == nullptr) throw std::runtime_error(fmt::format("there is no kernel {}", name));
    std::array<char, 300> text{};
    if (functions().launch(kernel, grid.data(), block.data(), shared, arguments, early ? 1 : 0, text.data(),
                           text.size()) != 0) {
      throw std::runtime_error(fmt::format("the kernel {} does not start: {}", name, text.data()));
    }
  }

  bool multiply(const verse_cuda_product& product, std::string& problem) override {
    std::array<char, 300> text{};
    if (functions().multiply(&product, text.data(), text.size()) == 0) return true;
    problem = text.data();
    return false;
  }

  void begin_aside() override { check(functions().aside_begin()); }
  void end_aside(int number) override { check(functions().aside_end(number)); }
  void wait_for_aside(int number) override { check(functions().aside_wait(number)); }
  int processors() const override { return processors_; }

 private:
  static void check(int failed) {
    if (failed != 0) throw std::runtime_error("the GPU's second stream does not answer");
  }

  void* library_;  // stays loaded for as long as the program runs
  int processors_;
  std::map<std::string, void*> kernels_;
};

}  // namespace

std::unique_ptr<Launcher> compile_kernels(const std::string& source, const std::vector<std::string>& options,
                                          std::string& problem) {
  if (!functions().complete()) {
    problem = "libverse_cuda.so is not loaded, or is of another version";
    return nullptr;
  }
  std::array<char, 500> text{};
  const int size = static_cast<int>(text.size());
  std::array<char, 20> architecture{};
  if (functions().architecture(architecture.data(), static_cast<int>(architecture.size())) != 0) {
    problem = "the card does not answer";
    return nullptr;
  }

  // Compiling takes a second or so; what came out is kept for the next time.
  std::string all = fmt::format("{}\n{}\n{}", architecture.data(), fmt::join(options, " "), source);
  const auto place = kept_code(all);
  std::error_code ignored;
  if (place && std::filesystem::exists(*place, ignored)) {
    try {
      const std::string code = read_file(*place);
      if (void* library = functions().load(code.data(), text.data(), size)) {
        return std::make_unique<CardLauncher>(library);
      }
    } catch (const std::exception&) {
      // What cannot be read is compiled again.
    }
  }
  std::vector<const char*> texts;
  for (const auto& option : options) texts.push_back(option.c_str());
  void* code = nullptr;
  unsigned long long code_size = 0;
  void* library = nullptr;
  if (functions().compile(architecture.data(), source.c_str(), texts.data(), static_cast<int>(texts.size()), &code,
                          &code_size, text.data(), size) == 0) {
    library = functions().load(code, text.data(), size);
    if (library != nullptr && place) keep(*place, std::string(static_cast<const char*>(code), code_size));
    std::free(code);
  }
  if (library != nullptr) return std::make_unique<CardLauncher>(library);
  problem = text.data();
  return nullptr;
}

void try_algorithms(bool tries) {
  if (functions().try_algorithms != nullptr) functions().try_algorithms(tries ? 1 : 0);
}

}  // namespace verse
