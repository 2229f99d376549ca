# HeddleTests.cmake - one ctest entry for each case; labels: unit, gpu, threads, lint,
# mutation, suite, crash.
if(HD_TESTS STREQUAL "ON")
    pkg_check_modules(HD_CMOCKA REQUIRED IMPORTED_TARGET cmocka)
else()
    pkg_check_modules(HD_CMOCKA IMPORTED_TARGET cmocka)
endif()

# --- tests/test_NAME.c becomes the executable test_NAME. tests/hd_test_filter.c lets the
# environment variable HD_TEST choose one case, whatever main() the file has.
set(test_files "")
if(HD_CMOCKA_FOUND)
    file(GLOB test_files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/test_*.c)
    add_library(hd_test_filter OBJECT ${PROJECT_SOURCE_DIR}/tests/hd_test_filter.c)
    target_link_libraries(hd_test_filter PRIVATE PkgConfig::HD_CMOCKA hd_flags)
endif()
foreach(file IN LISTS test_files)
    get_filename_component(exe ${file} NAME_WE)
    string(REGEX REPLACE "^test_" "" room ${exe})
    add_executable(${exe} ${file})
    target_include_directories(${exe} PRIVATE ${PROJECT_SOURCE_DIR}/src
        ${PROJECT_SOURCE_DIR}/tests)
    target_link_libraries(${exe} PRIVATE hd_test_filter heddle hd_flags PkgConfig::HD_CMOCKA)

    if(room MATCHES "(gpu|cuda)")
        set(label gpu)
    else()
        set(label unit)
    endif()
    # The cases are read from the source, so that ctest knows them before anything is built.
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    file(READ ${file} text)
    if(text MATCHES "#include \"(base/hd_threads|exec/)")
        list(APPEND label threads) # what the thread sanitizer is for
    endif()
    set(cases "")
    if(NOT text MATCHES "#define[^\n]*cmocka_unit_test")
        string(REGEX MATCHALL "cmocka_unit_test[a-z_]*\\([ \n]*[A-Za-z0-9_]+" cases "${text}")
        list(REMOVE_DUPLICATES cases)
    endif()
    if(NOT cases)
        add_test(NAME ${room} COMMAND ${exe} WORKING_DIRECTORY ${PROJECT_BINARY_DIR})
        set_tests_properties(${room} PROPERTIES LABELS "${label}" SKIP_RETURN_CODE 77 TIMEOUT 1200)
    endif()
    foreach(case IN LISTS cases)
        string(REGEX REPLACE "^cmocka_unit_test[a-z_]*\\([ \n]*" "" case "${case}")
        add_test(NAME ${room}.${case} COMMAND ${exe} WORKING_DIRECTORY ${PROJECT_BINARY_DIR})
        set_tests_properties(${room}.${case} PROPERTIES
            LABELS "${label}" ENVIRONMENT HD_TEST=${case} TIMEOUT 1200
            FAIL_REGULAR_EXPRESSION "Running 0 test"
            SKIP_REGULAR_EXPRESSION "SKIPPED . ${case}" SKIP_RETURN_CODE 77)
    endforeach()
endforeach()

# --- many random blocks, from the command line and without cmocka: for devices elsewhere.
add_executable(hd_rounds ${PROJECT_SOURCE_DIR}/tests/rounds.c)
target_include_directories(hd_rounds PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
target_link_libraries(hd_rounds PRIVATE heddle hd_flags)
if(HD_STATIC_DEPS)
    target_link_options(hd_rounds PRIVATE -static-libgcc)
    if(HD_WITH_CUDA)
        target_link_options(hd_rounds PRIVATE -static-libstdc++)
    endif()
endif()
add_test(NAME rounds.a_hundred_blocks_on_as_many_threads_as_there_may_be
    COMMAND hd_rounds --blocks 100 --seed 77 --threads 1,2,3,5,8,13,16)
set_tests_properties(rounds.a_hundred_blocks_on_as_many_threads_as_there_may_be PROPERTIES
    LABELS "unit;threads" TIMEOUT 600)

# --- builds in which one rule is missing; a test must fail with each. Not for sanitizers: no rule of
# theirs is missing.
if(HD_CMOCKA_FOUND AND NOT HD_SANITIZE AND CMAKE_GENERATOR STREQUAL "Ninja")
    add_test(NAME mutation.tests_notice_each_missing_rule
        COMMAND ${PROJECT_SOURCE_DIR}/tests/mutations.sh ${PROJECT_BINARY_DIR})
    set_tests_properties(mutation.tests_notice_each_missing_rule PROPERTIES
        LABELS mutation SKIP_RETURN_CODE 77 TIMEOUT 2400)
endif()

# --- lint: style and room rules, without a build.
find_package(Python3 COMPONENTS Interpreter)
if(Python3_FOUND)
    foreach(check format files rooms cxx freestanding)
        add_test(NAME lint.${check} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
            COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tools/tidy.py ${check})
        set_tests_properties(lint.${check} PROPERTIES LABELS lint SKIP_RETURN_CODE 77)
    endforeach()
endif()

# --- the command as a whole.
if(TARGET heddle_cli)
    add_test(NAME cli.sample_of_100_transfers_ends_as_elsewhere
        COMMAND ${PROJECT_SOURCE_DIR}/tests/test_sample.sh $<TARGET_FILE:heddle_cli>
        ${PROJECT_SOURCE_DIR}/contracts/sample-100.json)
    add_test(NAME cli.t8n_server_survives_hostile_requests
        COMMAND ${PROJECT_SOURCE_DIR}/tests/test_t8n_server.sh $<TARGET_FILE:heddle_cli>)
    add_test(NAME cli.replay_says_what_is_wrong_with_its_input
        COMMAND ${PROJECT_SOURCE_DIR}/tests/test_replay.sh $<TARGET_FILE:heddle_cli>)
    set_tests_properties(cli.sample_of_100_transfers_ends_as_elsewhere
        cli.t8n_server_survives_hostile_requests
        cli.replay_says_what_is_wrong_with_its_input PROPERTIES LABELS unit SKIP_RETURN_CODE 77 TIMEOUT 300)
endif()

# --- import into a store, and its end at any moment: label crash is the long one.
if(TARGET heddle_cli)
    add_test(NAME cli.import_and_export_of_the_rpc_chain
        COMMAND ${PROJECT_SOURCE_DIR}/tests/test_import.sh $<TARGET_FILE:heddle_cli>)
    add_test(NAME cli.proofs_are_those_of_eth_getProof
        COMMAND ${PROJECT_SOURCE_DIR}/tests/test_proof_command.sh $<TARGET_FILE:heddle_cli>)
    add_test(NAME cli.import_survives_10_kills
        COMMAND ${PROJECT_SOURCE_DIR}/tests/crash_loop.sh $<TARGET_FILE:heddle_cli> 10)
    add_test(NAME crash.import_survives_200_kills
        COMMAND ${PROJECT_SOURCE_DIR}/tests/crash_loop.sh $<TARGET_FILE:heddle_cli> 200)
    set_tests_properties(cli.import_and_export_of_the_rpc_chain cli.proofs_are_those_of_eth_getProof
        cli.import_survives_10_kills
        PROPERTIES LABELS unit SKIP_RETURN_CODE 77 TIMEOUT 600)
    set_tests_properties(crash.import_survives_200_kills
        PROPERTIES LABELS crash SKIP_RETURN_CODE 77 TIMEOUT 2400)
endif()

# --- suites: cases that nobody in this project wrote; tests/run_suite.sh skips what is absent.
function(hd_add_suite name)
    add_test(NAME suite.${name} WORKING_DIRECTORY ${PROJECT_BINARY_DIR}
        COMMAND ${PROJECT_SOURCE_DIR}/tests/run_suite.sh $<TARGET_FILE:heddle_cli> ${ARGN})
    set_tests_properties(suite.${name} PROPERTIES LABELS suite SKIP_RETURN_CODE 77 TIMEOUT 2400)
endfunction()
if(TARGET heddle_cli)
    hd_add_suite(gst gst statetest)
    hd_add_suite(gst-constantinople gst-constantinople statetest)
    hd_add_suite(eest-state eest-state statetest)
    hd_add_suite(transactions tx-trie-rlp/TransactionTests txtest)
    hd_add_suite(trie tx-trie-rlp/TrieTests trietest)
    hd_add_suite(rlp tx-trie-rlp/RLPTests rlptest)
    hd_add_suite(difficulty tx-trie-rlp/DifficultyTests difficultytest)
    hd_add_suite(precompiles precompiles precompiletest)
    hd_add_suite(step-traces step-traces tracetest)
    hd_add_suite(t8n t8n @t8n_cases.sh)
    hd_add_suite(mainnet-blocks mainnet-blocks/blocks replay)
    hd_add_suite(mainnet-blocks-serial mainnet-blocks/blocks replay --serial)
    hd_add_suite(mainnet-witnesses mainnet-blocks/blocks @test_witness.sh)
    hd_add_suite(eest-bt-serial eest-bt blocktest --serial)
    hd_add_suite(eest-bt eest-bt blocktest)
    hd_add_suite(bt-serial bt blocktest --serial)
    hd_add_suite(bt bt blocktest)
    # A suite uses all cores itself: two at a time would only fight for them.
    set_tests_properties(suite.gst suite.gst-constantinople suite.eest-state suite.step-traces
        suite.precompiles suite.eest-bt-serial suite.eest-bt suite.bt-serial suite.bt
        suite.mainnet-blocks suite.mainnet-witnesses PROPERTIES RUN_SERIAL ON)
endif()
