# SPDX-License-Identifier: BSL-1.0
# What can be chosen. Developer options are off unless a preset turns them on.

option(NAKH_INSTALL "Install the library, its headers and its package files" ${PROJECT_IS_TOP_LEVEL})
option(NAKH_BUILD_TESTS "Build the tests" OFF)
option(NAKH_UNIT_TESTS_ONLY "Leave out the tests that compare whole programs' output" OFF)
option(NAKH_BUILD_EXAMPLES "Build the examples" OFF)
option(NAKH_BUILD_BENCH "Build the benchmarks" OFF)
option(NAKH_VERIFY_HEADERS "Compile each public header by itself" OFF)
option(NAKH_WERROR "Treat warnings as errors" OFF)
option(NAKH_VALGRIND "Tell Valgrind about the fibers' stacks, and add tests that run in it" OFF)
set(NAKH_STACK_TRACES AUTO CACHE STRING "The stacks of waiting tasks in dumps, which needs libdw: ON, OFF, or AUTO for when it is here")
set_property(CACHE NAKH_STACK_TRACES PROPERTY STRINGS AUTO ON OFF)
set(NAKH_SANITIZE "" CACHE STRING "Sanitizers for everything built here: address;undefined or thread")

if(NAKH_BUILD_TESTS AND NOT NAKH_UNIT_TESTS_ONLY)
  set(NAKH_BUILD_EXAMPLES ON)  # the tests run them
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)  # there are none; newer CMakes would scan each file

if(PROJECT_IS_TOP_LEVEL)
  # What is the including project's to choose when there is one.
  option(BUILD_SHARED_LIBS "Build a shared library" OFF)
  if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
  endif()
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
  find_program(NAKH_CCACHE ccache)
  mark_as_advanced(NAKH_CCACHE)
  if(NAKH_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${NAKH_CCACHE})
  endif()
  if(NAKH_SANITIZE)
    list(JOIN NAKH_SANITIZE "," sanitizers)
    add_compile_options(-fsanitize=${sanitizers} -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${sanitizers})
    if("undefined" IN_LIST NAKH_SANITIZE)
      add_compile_options(-fno-sanitize-recover=undefined)
    endif()
  endif()
endif()
