# SPDX-License-Identifier: BSL-1.0
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
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/nakh-config.cmake.in ${PROJECT_BINARY_DIR}/nakh-config.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/nakh-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/nakh-config.cmake ${PROJECT_BINARY_DIR}/nakh-config-version.cmake
        DESTINATION ${package_dir})

configure_file(${CMAKE_CURRENT_LIST_DIR}/nakh.pc.in ${PROJECT_BINARY_DIR}/nakh.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/nakh.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
