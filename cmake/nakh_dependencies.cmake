# SPDX-License-Identifier: BSL-1.0
# What the library is built on.

set(NAKH_BOOST_VERSION 1.81)

find_package(Threads REQUIRED)

# Only the headers: the library itself is loaded by a program that dumps a stack.
set(nakh_walks_stacks OFF)
if(NAKH_STACK_TRACES)
  find_path(NAKH_LIBDW_INCLUDE_DIR elfutils/libdwfl.h)
  mark_as_advanced(NAKH_LIBDW_INCLUDE_DIR)
  if(NAKH_LIBDW_INCLUDE_DIR)
    set(nakh_walks_stacks ON)
    message(STATUS "Stacks of waiting tasks in dumps: yes, by libdw")
  elseif(NAKH_STACK_TRACES STREQUAL "AUTO")
    message(STATUS "Stacks of waiting tasks in dumps: no, libdw is not here (libdw-dev)")
  else()
    message(FATAL_ERROR "NAKH_STACK_TRACES needs libdw; install libdw-dev.")
  endif()
endif()

find_package(Boost ${NAKH_BOOST_VERSION} CONFIG QUIET COMPONENTS context)
if(NOT TARGET Boost::context)
  if(Boost_CONSIDERED_VERSIONS AND NOT Boost_FOUND)
    list(JOIN Boost_CONSIDERED_VERSIONS ", " found)
    string(PREPEND found "found here: ")
  else()
    set(found "none was found")
  endif()
  message(
    FATAL_ERROR
      "Nakh needs Boost ${NAKH_BOOST_VERSION} or newer with Boost.Context; ${found}. "
      "Install libboost-context1.81-dev and libboost-fiber1.81-dev (Debian 12) "
      "or libboost-context-dev and libboost-fiber-dev (Debian 13, Ubuntu 24.04).")
endif()

# Libraries of their own, which a package has as components.
set(nakh_components net)
set(nakh_has_openssl OFF)
if(NOT CMAKE_CROSSCOMPILING)
  find_package(OpenSSL 3 QUIET)
endif()
if(TARGET OpenSSL::SSL)
  set(nakh_has_openssl ON)
  list(APPEND nakh_components tls)
  message(STATUS "nakh::tls: yes")
else()
  message(STATUS "nakh::tls: no, OpenSSL 3 is not here (libssl-dev)")
endif()

# For the neighbour, a library of its own.
set(nakh_has_boost_fiber OFF)
if(NAKH_BUILD_BENCH)
  set(Boost_USE_STATIC_LIBS ON)  # see bench/CMakeLists.txt
endif()
find_package(Boost ${NAKH_BOOST_VERSION} CONFIG QUIET OPTIONAL_COMPONENTS fiber)
if(TARGET Boost::fiber AND NOT CMAKE_CROSSCOMPILING)
  set(nakh_has_boost_fiber ON)
  message(STATUS "nakh::boost_fiber: yes")
else()
  message(STATUS "nakh::boost_fiber: no, Boost.Fiber is not here (libboost-fiber-dev)")
endif()
