# Compiles for Linux on aarch64 with this machine's clang and lld. What such a machine has lies under build-aarch64/sysroot
# (tests/aarch64/prepare brings it there), and its programs run under qemu.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)

get_filename_component(aarch64 "${CMAKE_CURRENT_LIST_DIR}/../build-aarch64" ABSOLUTE)
set(CMAKE_SYSROOT "${aarch64}/sysroot")
set(CMAKE_C_COMPILER clang)
set(CMAKE_CXX_COMPILER clang++)
set(CMAKE_C_COMPILER_TARGET aarch64-linux-gnu)
set(CMAKE_CXX_COMPILER_TARGET aarch64-linux-gnu)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
foreach(kind EXE SHARED MODULE)
  set(CMAKE_${kind}_LINKER_FLAGS_INIT -fuse-ld=lld)
endforeach()

set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(LIBTORCH "${CMAKE_SYSROOT}/opt/python/torch" CACHE PATH "A LibTorch folder")

set(CMAKE_CROSSCOMPILING_EMULATOR "${aarch64}/emulated")
