#include "common/gpu_kernels.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <map>
#include <stdexcept>

namespace verse {

namespace {

/// The plugin's functions. prepare_cuda() has loaded it where there is a card.
struct Functions {
  void* (*compile)(const char* source, const char* const* options, int count, char* problem, int size) = nullptr;
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
    return compile && kernel && launch && multiply && try_algorithms && aside_begin && aside_end && aside_wait &&
           processors;
  }
};

const Functions& functions() {
  static const Functions found = [] {
    Functions all;
    const auto find = [](auto& function, const char* name) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(RTLD_DEFAULT, name));
    };
    find(all.compile, "verse_cuda_compile");
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

class CardLauncher : public Launcher {
 public:
  explicit CardLauncher(void* library) : library_(library), processors_(functions().processors()) {}

  void launch(const char* name, Grid grid, Grid block, void** arguments, bool early) override {
    void*& kernel = kernels_[name];
    if (kernel == nullptr) kernel = functions().kernel(library_, name);
    if (kernel == nullptr) throw std::runtime_error(fmt::format("there is no kernel {}", name));
    std::array<char, 300> text{};
    if (functions().launch(kernel, grid.data(), block.data(), 0, arguments, early ? 1 : 0, text.data(), text.size()) !=
        0) {
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
  std::vector<const char*> texts;
  for (const auto& option : options) texts.push_back(option.c_str());
  std::array<char, 500> text{};
  void* library = functions().compile(source.c_str(), texts.data(), static_cast<int>(texts.size()), text.data(),
                                      static_cast<int>(text.size()));
  if (library != nullptr) return std::make_unique<CardLauncher>(library);
  problem = text.data();
  return nullptr;
}

void try_algorithms(bool tries) {
  if (functions().try_algorithms != nullptr) functions().try_algorithms(tries ? 1 : 0);
}

}  // namespace verse
