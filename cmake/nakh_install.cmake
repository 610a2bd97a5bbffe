# SPDX-License-Identifier: BSL-1.0
# `cmake --install`: the library, its headers, and what CMake's and pkg-config's users find it by.
if(NOT NAKH_INSTALL)
  return()
endif()
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/nakh)
install(
  TARGETS nakh
  EXPORT nakh-targets
  FILE_SET HEADERS)
install(
  EXPORT nakh-targets
  NAMESPACE nakh::
  DESTINATION ${package_dir})

# Components: only who asks for one needs what it is built on.
set(components ${nakh_components})
if(nakh_has_boost_fiber)
  list(APPEND components boost_fiber)
endif()
foreach(component IN LISTS components)
  install(
    TARGETS nakh_${component}
    EXPORT nakh-${component}-targets
    FILE_SET HEADERS)
  install(
    EXPORT nakh-${component}-targets
    NAMESPACE nakh::
    DESTINATION ${package_dir})
endforeach()

if(BUILD_SHARED_LIBS)
  # The library has linked Boost.Context by itself.
  set(nakh_find_boost "")
  set(pc_cflags "-DNAKH_SHARED")
  set(pc_private "Libs.private: -lboost_context")
else()
  set(nakh_find_boost "find_dependency(Boost ${NAKH_BOOST_VERSION} CONFIG COMPONENTS context)")
  # There is only the archive, so its users link what it needs, with or without --static.
  set(pc_libs "-lboost_context")
  if(nakh_walks_stacks AND CMAKE_DL_LIBS)
    string(APPEND pc_libs " -l${CMAKE_DL_LIBS}")
  endif()
endif()
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/nakh-config.cmake.in ${PROJECT_BINARY_DIR}/nakh-config.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/nakh-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/nakh-config.cmake ${PROJECT_BINARY_DIR}/nakh-config-version.cmake
        DESTINATION ${package_dir})

if(NAKH_STACK_CLASH_PROTECTION)
  string(APPEND pc_cflags " -fstack-clash-protection")
endif()
# The prefix as seen from the file, so that an installed tree can be moved and `cmake --install --prefix` is right.
file(RELATIVE_PATH pc_prefix ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
file(RELATIVE_PATH pc_libdir ${CMAKE_INSTALL_PREFIX} ${CMAKE_INSTALL_FULL_LIBDIR})
file(RELATIVE_PATH pc_includedir ${CMAKE_INSTALL_PREFIX} ${CMAKE_INSTALL_FULL_INCLUDEDIR})
configure_file(${CMAKE_CURRENT_LIST_DIR}/nakh.pc.in ${PROJECT_BINARY_DIR}/nakh.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/nakh.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES ${PROJECT_SOURCE_DIR}/share/gdb/nakh-gdb.py DESTINATION ${CMAKE_INSTALL_DATADIR}/nakh)
if(BUILD_SHARED_LIBS)
  # Where gdb looks for what belongs to this library.
  install(
    FILES ${PROJECT_SOURCE_DIR}/share/gdb/nakh-gdb.py
    DESTINATION ${CMAKE_INSTALL_DATADIR}/gdb/auto-load${CMAKE_INSTALL_FULL_LIBDIR}
    RENAME libnakh.so.${PROJECT_VERSION}-gdb.py)
endif()
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
