# Finds LibTorch by its files. (The configuration that comes with it asks for a CUDA toolkit even to build for a CPU.)
#
# Reads:  LIBTORCH, a folder with include/ and lib/, as a variable of CMake or of the environment; else the wheel that
#         ./setup put into .venv/.
# Gives:  LibTorch::LibTorch (torch_cpu and c10), LibTorch_DIR_FOUND, LibTorch_WHEEL (the site-packages folder, or empty).

set(LIBTORCH "$ENV{LIBTORCH}" CACHE PATH "A LibTorch folder; empty takes the one that ./setup installed")
set(_candidates ${LIBTORCH})
if(NOT LIBTORCH)
  file(GLOB _candidates "${PROJECT_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch")
endif()

find_path(LibTorch_INCLUDE torch/csrc/api/include/torch/torch.h
          PATHS ${_candidates} PATH_SUFFIXES include NO_DEFAULT_PATH)
find_library(LibTorch_CPU torch_cpu PATHS ${_candidates} PATH_SUFFIXES lib NO_DEFAULT_PATH)
find_library(LibTorch_C10 c10 PATHS ${_candidates} PATH_SUFFIXES lib NO_DEFAULT_PATH)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_INCLUDE LibTorch_CPU LibTorch_C10
  FAIL_MESSAGE "LibTorch is not there (looked in: ${_candidates}): run ./setup, or give -DLIBTORCH=DIR")
mark_as_advanced(LibTorch_INCLUDE LibTorch_CPU LibTorch_C10)

if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  get_filename_component(LibTorch_LIBRARY_DIR "${LibTorch_CPU}" DIRECTORY)
  add_library(LibTorch::LibTorch INTERFACE IMPORTED)
  target_include_directories(LibTorch::LibTorch SYSTEM INTERFACE
    "${LibTorch_INCLUDE}" "${LibTorch_INCLUDE}/torch/csrc/api/include")
  target_link_libraries(LibTorch::LibTorch INTERFACE "${LibTorch_CPU}" "${LibTorch_C10}")
  # An RPATH, unlike the newer RUNPATH, also serves the libraries that LibTorch's own libraries load.
  if(NOT APPLE)
    target_link_options(LibTorch::LibTorch INTERFACE "LINKER:--disable-new-dtags")
  endif()
  get_filename_component(LibTorch_WHEEL "${LibTorch_LIBRARY_DIR}/../.." ABSOLUTE)
  if(NOT EXISTS "${LibTorch_WHEEL}/nvidia")
    set(LibTorch_WHEEL "")
  endif()
endif()
