# HeddleCuda.cmake - finds nvcc and decides HD_WITH_CUDA from HD_CUDA (AUTO, ON, OFF).
set(HD_WITH_CUDA OFF)
if(NOT HD_CUDA STREQUAL "OFF")
    # nvcc is often installed but not on the PATH: look where the toolkit puts itself.
    if(NOT CMAKE_CUDA_COMPILER)
        find_program(HD_NVCC nvcc
            HINTS ENV CUDACXX ENV CUDA_HOME ENV CUDA_PATH PATH_SUFFIXES bin
            PATHS /usr/local/cuda/bin)
        mark_as_advanced(HD_NVCC)
        if(HD_NVCC)
            set(CMAKE_CUDA_COMPILER ${HD_NVCC})
        endif()
    endif()
    if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
        set(CMAKE_CUDA_ARCHITECTURES 90)
    endif()
    set(CMAKE_CUDA_STANDARD 17)
    set(CMAKE_CUDA_STANDARD_REQUIRED ON)
    # The static runtime looks for the driver when it is first called, so a binary with kernels
    # starts on a machine that has no GPU and no driver.
    set(CMAKE_CUDA_RUNTIME_LIBRARY Static)
    if(HD_CUDA STREQUAL "ON")
        enable_language(CUDA)
        set(HD_WITH_CUDA ON)
    elseif(CMAKE_CUDA_COMPILER)
        include(CheckLanguage)
        check_language(CUDA)
        if(CMAKE_CUDA_COMPILER)
            enable_language(CUDA)
            set(HD_WITH_CUDA ON)
        endif()
    endif()
endif()
if(HD_WITH_CUDA)
    find_package(CUDAToolkit REQUIRED)
endif()

# hd_cuda_setup gives a target with *_cuda.cu files what these need.
function(hd_cuda_setup target)
    set_target_properties(${target} PROPERTIES
        CUDA_SEPARABLE_COMPILATION OFF CUDA_RESOLVE_DEVICE_SYMBOLS OFF)
    # Diagnostic 177: a static function of a shared header that this file does not call. The host
    # compiler behind nvcc does not know `#pragma unroll`.
    target_compile_options(${target} PRIVATE
        $<$<COMPILE_LANGUAGE:CUDA>:-diag-suppress=177 -lineinfo -Xcompiler=-Wall>
        $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wno-unused-function,-Wno-unknown-pragmas>)
    target_link_libraries(${target} PUBLIC CUDA::cudart_static)
endfunction()
