# SPDX-License-Identifier: BSL-1.0
# What the library is built on.

set(NAKH_BOOST_VERSION 1.81)

find_package(Threads REQUIRED)
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
