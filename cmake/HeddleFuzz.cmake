# HeddleFuzz.cmake - HD_FUZZ builds the fuzz targets (fuzz/README.md); the corpus is replayed by an
# ordinary test, test_fuzz_corpus.
option(HD_FUZZ "Build the fuzz targets; needs clang with libFuzzer" OFF)
set(HD_FUZZ_TARGETS rlp tx block json proof t8n http precompile core ordered api)
file(GLOB HD_FUZZ_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/fuzz/fuzz_*.c)
list(FILTER HD_FUZZ_SOURCES EXCLUDE REGEX "/fuzz_main\\.c$")
# The command's readers belong to no library: what is fuzzed of them is compiled again.
set(HD_FUZZ_CLI_SOURCES ${HD_CLI_SOURCES})
list(FILTER HD_FUZZ_CLI_SOURCES INCLUDE REGEX
    "/hd_(cli|http|proof_json|results_diff|state_cases|state_json|t8n|t8n_read|t8n_txs|t8n_write|trace_json)\\.c$")

if(TARGET test_fuzz_corpus)
    target_sources(test_fuzz_corpus PRIVATE ${HD_FUZZ_SOURCES} ${HD_FUZZ_CLI_SOURCES})
    target_include_directories(test_fuzz_corpus PRIVATE ${PROJECT_SOURCE_DIR}/fuzz)
    target_compile_definitions(test_fuzz_corpus PRIVATE
        HD_FUZZ_CORPUS="${PROJECT_SOURCE_DIR}/fuzz/corpus" HD_VERSION="${PROJECT_VERSION}")
endif()

if(HD_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
        message(FATAL_ERROR "HD_FUZZ needs clang: configure with -DCMAKE_C_COMPILER=clang")
    endif()
    set(instrument -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
        -Wno-unknown-warning-option # gcc knows more of them
        -fno-omit-frame-pointer)
    # Its own copy of the library: the one that the tests link is not instrumented.
    set(library_sources ${HD_SOURCES})
    list(FILTER library_sources INCLUDE REGEX "\\.c$")
    add_library(heddle_fuzz STATIC EXCLUDE_FROM_ALL ${library_sources} ${HD_FUZZ_CLI_SOURCES}
        ${HD_FUZZ_SOURCES})
    target_include_directories(heddle_fuzz PRIVATE ${PROJECT_SOURCE_DIR}/src
        ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/fuzz)
    target_compile_definitions(heddle_fuzz PRIVATE HD_VERSION="${PROJECT_VERSION}" HD_VERIFY=1)
    target_compile_options(heddle_fuzz PRIVATE ${instrument})
    target_link_libraries(heddle_fuzz PRIVATE hd_flags)
    hd_link_deps(heddle_fuzz)
    add_custom_target(fuzz)
    foreach(name IN LISTS HD_FUZZ_TARGETS)
        add_executable(fuzz_${name} EXCLUDE_FROM_ALL ${PROJECT_SOURCE_DIR}/fuzz/fuzz_main.c)
        target_include_directories(fuzz_${name} PRIVATE ${PROJECT_SOURCE_DIR}/src
            ${PROJECT_SOURCE_DIR}/fuzz)
        target_compile_definitions(fuzz_${name} PRIVATE HD_FUZZ_ENTRY=hd_fuzz_${name})
        target_link_libraries(fuzz_${name} PRIVATE heddle_fuzz hd_flags)
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer,address,undefined)
        add_dependencies(fuzz fuzz_${name})
    endforeach()
endif()
