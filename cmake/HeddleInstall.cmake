# HeddleInstall.cmake - the library, its headers, heddle.pc and the CMake package.
include(CMakePackageConfigHelpers)
install(TARGETS heddle EXPORT heddleTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/heddle DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h")
set(HD_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/heddle)
install(EXPORT heddleTargets NAMESPACE heddle:: DESTINATION ${HD_CMAKE_DIR})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/heddleConfig.cmake.in
    ${PROJECT_BINARY_DIR}/heddleConfig.cmake INSTALL_DESTINATION ${HD_CMAKE_DIR})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/heddleConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/heddleConfig.cmake
    ${PROJECT_BINARY_DIR}/heddleConfigVersion.cmake DESTINATION ${HD_CMAKE_DIR})

file(RELATIVE_PATH HD_PC_UP /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
string(REGEX REPLACE "/$" "" HD_PC_UP "${HD_PC_UP}")
set(HD_PC_LIBS_PRIVATE "-lpthread -lm")
set(HD_PC_LIBDIRS_PRIVATE "")
if(HD_WITH_CUDA)
    set(HD_PC_LIBDIRS_PRIVATE " -L${CUDAToolkit_LIBRARY_DIR}")
    string(APPEND HD_PC_LIBS_PRIVATE " -lcudart_static -lstdc++ -ldl -lrt")
endif()
configure_file(${PROJECT_SOURCE_DIR}/cmake/heddle.pc.in ${PROJECT_BINARY_DIR}/heddle.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/heddle.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
