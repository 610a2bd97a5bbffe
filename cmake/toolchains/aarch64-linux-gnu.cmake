# SPDX-License-Identifier: BSL-1.0
# Cross-compiling for 64-bit Arm with Debian's g++-aarch64-linux-gnu; programs run under qemu-user. Boost and doctest for that
# machine come from a folder that fetch-aarch64-libraries (beside this file) fills.

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_FIND_ROOT_PATH ${CMAKE_CURRENT_LIST_DIR}/../../build/sysroot-aarch64 /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# Programs see 16 GiB of addresses: for each page that is reserved, and stacks reserve many, the emulator takes real memory.
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -R 0x400000000 -L /usr/aarch64-linux-gnu)

# Programs then find all they need in the cross compiler's own folder.
set(Boost_USE_STATIC_LIBS ON)
