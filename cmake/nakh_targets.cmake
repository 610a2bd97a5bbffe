# SPDX-License-Identifier: BSL-1.0
# The one place for what every target built here has in common.

function(nakh_target_defaults target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion)
  if(NAKH_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND "thread" IN_LIST NAKH_SANITIZE)
    target_compile_options(${target} PRIVATE -Wno-tsan)  # std::atomic_thread_fence in Boost.Asio
  endif()
endfunction()

# A library as its users name it, nakh::<name>: nakh_library(target name)
function(nakh_library target name)
  add_library(nakh::${name} ALIAS ${target})
  nakh_target_defaults(${target})
  set_target_properties(
    ${target}
    PROPERTIES EXPORT_NAME ${name}
               POSITION_INDEPENDENT_CODE ON
               SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
               VERSION ${PROJECT_VERSION}
               VERIFY_INTERFACE_HEADER_SETS ${NAKH_VERIFY_HEADERS})
endfunction()

# A program that uses the library: nakh_program(name SOURCES file... [LIBRARIES lib...] [DIRECTORY where] [OUTPUT file name])
function(nakh_program name)
  cmake_parse_arguments(arg "" "DIRECTORY;OUTPUT" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  nakh_target_defaults(${name})
  target_link_libraries(${name} PRIVATE nakh::nakh ${arg_LIBRARIES})
  if(arg_DIRECTORY)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${arg_DIRECTORY})
  endif()
  if(arg_OUTPUT)
    set_target_properties(${name} PROPERTIES OUTPUT_NAME ${arg_OUTPUT})
  endif()
endfunction()
