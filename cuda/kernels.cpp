/// @file
/// Kernels compiled while the program runs, by NVRTC, which comes with LibTorch: no toolkit is needed. C functions that
/// common/gpu_kernels.cpp looks up by their names.

#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

namespace {

/// NVRTC's functions, as its manual has them. (Its header is not among those that LibTorch's wheel brings.)
struct Compiler {
  int (*create)(void** program, const char* source, const char* name, int headers, const char* const* contents,
                const char* const* names) = nullptr;
  int (*compile)(void* program, int options, const char* const* texts) = nullptr;
  int (*code_size)(void* program, std::size_t* size) = nullptr;
  int (*code)(void* program, char* code) = nullptr;
  int (*log_size)(void* program, std::size_t* size) = nullptr;
  int (*log)(void* program, char* log) = nullptr;
  int (*destroy)(void** program) = nullptr;

  bool complete() const { return create && compile && code_size && code && log_size && log && destroy; }
};

const Compiler& compiler() {
  static const Compiler functions = [] {
    Compiler found;
    // The first one stands beside LibTorch's libraries, and knows where the compiler lies.
    for (const char* name : {"libcaffe2_nvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"}) {
      void* library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
      if (library == nullptr) continue;
      const auto find = [library](auto& function, const char* symbol) {
        function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(library, symbol));
      };
      find(found.create, "nvrtcCreateProgram");
      find(found.compile, "nvrtcCompileProgram");
      find(found.code_size, "nvrtcGetCUBINSize");
      find(found.code, "nvrtcGetCUBIN");
      find(found.log_size, "nvrtcGetProgramLogSize");
      find(found.log, "nvrtcGetProgramLog");
      find(found.destroy, "nvrtcDestroyProgram");
      if (found.complete()) break;
    }
    return found;
  }();
  return functions;
}

void say(char* problem, int size, const std::string& text) {
  std::snprintf(problem, static_cast<std::size_t>(size), "%s", text.c_str());
}

/// The first line of the compiler's log that tells of an error.
std::string first_error(const std::string& log) {
  const auto at = log.find("error");
  if (at == std::string::npos) return log.substr(0, log.find('\n'));
  const auto begin = log.rfind('\n', at);
  const auto first = begin == std::string::npos ? 0 : begin + 1;
  return log.substr(first, log.find('\n', at) - first);
}

/// What the runtime has against something; empty where nothing.
std::string complaint(cudaError_t error) {
  if (error == cudaSuccess) return "";
  cudaGetLastError();
  return cudaGetErrorString(error);
}

}  // namespace

extern "C" {

/// Compiles sources to machine code for an architecture such as "sm_90", which no card is needed for.
/// @param code receives a buffer to be freed by free(), and its size @return 0, or 1 with the reason in `problem`
__attribute__((visibility("default"))) int verse_cuda_compile_for(const char* architecture, const char* source,
                                                                  const char* const* options, int count, void** code,
                                                                  unsigned long long* code_size, char* problem,
                                                                  int size) {
  const Compiler& nvrtc = compiler();
  if (!nvrtc.complete()) {
    say(problem, size, "the compiler NVRTC is not there");
    return 1;
  }
  std::vector<const char*> all(options, options + count);
  const std::string target = std::string("--gpu-architecture=") + architecture;
  all.push_back(target.c_str());
  all.push_back("--std=c++17");
  void* program = nullptr;
  if (nvrtc.create(&program, source, "kernels.cu", 0, nullptr, nullptr) != 0) {
    say(problem, size, "the compiler NVRTC does not start");
    return 1;
  }
  int result = 1;
  if (nvrtc.compile(program, static_cast<int>(all.size()), all.data()) != 0) {
    std::size_t length = 0;
    nvrtc.log_size(program, &length);
    std::string log(length + 1, '\0');
    nvrtc.log(program, log.data());
    say(problem, size, "the kernels do not compile: " + first_error(log.c_str()));
  } else {
    std::size_t length = 0;
    nvrtc.code_size(program, &length);
    *code = std::malloc(length + 1);
    *code_size = length;
    result = length > 0 && nvrtc.code(program, static_cast<char*>(*code)) == 0 ? 0 : 1;
    if (result != 0) {
      std::free(*code);
      say(problem, size, "the compiler NVRTC gave no machine code");
    }
  }
  nvrtc.destroy(&program);
  return result;
}

/// The architecture of the card in use, such as "sm_90". @return 0, or 1 where it does not answer
__attribute__((visibility("default"))) int verse_cuda_architecture(char* text, int size) {
  cudaDeviceProp properties{};
  if (!complaint(cudaGetDeviceProperties(&properties, c10::cuda::current_device())).empty()) return 1;
  std::snprintf(text, static_cast<std::size_t>(size), "sm_%d%d", properties.major, properties.minor);
  return 0;
}

/// Loads machine code onto the card. @return the kernels, for the function below; null where that fails, with the
/// reason in `problem`
__attribute__((visibility("default"))) void* verse_cuda_load(const void* code, char* problem, int size) {
  cudaLibrary_t library = nullptr;
  const auto error = complaint(cudaLibraryLoadData(&library, code, nullptr, nullptr, 0, nullptr, nullptr, 0));
  if (error.empty()) return library;
  say(problem, size, "the kernels do not load: " + error);
  return nullptr;
}

/// A kernel by its name. @return null where there is none
__attribute__((visibility("default"))) void* verse_cuda_kernel(void* library, const char* name) {
  cudaKernel_t kernel = nullptr;
  return complaint(cudaLibraryGetKernel(&kernel, static_cast<cudaLibrary_t>(library), name)).empty() ? kernel : nullptr;
}

/// Asks for a kernel on this thread's stream. @param arguments a pointer to each @param shared bytes of shared memory
/// that the call chooses @param early it may start while the one before it still runs, and waits for it by itself
/// @return 0, or 1 with the reason in `problem`
__attribute__((visibility("default"))) int verse_cuda_launch(void* kernel, const unsigned* grid, const unsigned* block,
                                                             unsigned shared, void** arguments, int early,
                                                             char* problem, int size) {
  if (shared > 48 * 1024) {
    const auto error =
        complaint(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared)));
    if (!error.empty()) {
      say(problem, size, error);
      return 1;
    }
  }
  cudaLaunchConfig_t config{};
  config.gridDim = {grid[0], grid[1], grid[2]};
  config.blockDim = {block[0], block[1], block[2]};
  config.dynamicSmemBytes = shared;
  config.stream = c10::cuda::getCurrentCUDAStream().stream();
  cudaLaunchAttribute attribute{};
  if (early != 0) {
    attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attribute.val.programmaticStreamSerializationAllowed = 1;
    config.attrs = &attribute;
    config.numAttrs = 1;
  }
  const auto error = complaint(cudaLaunchKernelExC(&config, kernel, arguments));
  if (error.empty()) return 0;
  say(problem, size, error);
  return 1;
}

}  // extern "C"
