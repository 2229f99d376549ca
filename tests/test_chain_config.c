/* test_chain_config.c - fork schedules: names, go-ethereum's JSON, mainnet, unknown forks. */
#include "hd_test.h"

#include "exec/hd_chain_config.h"

static hd_chain_rules at(const hd_chain_config *config, uint64_t number, uint64_t timestamp,
                         hd_u256 parent_difficulty) {
    hd_chain_rules rules;
    hd_msg msg = {""};
    hd_chain_place place = {
        .number = number, .timestamp = timestamp, .parent_difficulty = parent_difficulty};
    assert_int_equal(hd_chain_rules_at(&rules, &msg, config, &place), HD_OK);
    return rules;
}

static hd_chain_config named(const char *name) {
    hd_chain_config config;
    hd_msg msg = {""};
    assert_int_equal(hd_chain_config_named(&config, &msg, name), HD_OK);
    return config;
}

static hd_err read_text(hd_chain_config *out, hd_msg *msg, const char *text) {
    hd_json_doc *doc;
    hd_json root;
    assert_int_equal(hd_json_parse(&doc, &root, msg, "config", text, strlen(text), 16), HD_OK);
    hd_err err = hd_chain_config_read(out, msg, root);
    hd_json_close(doc);
    return err;
}

static void name_of_a_fork_gives_its_rules_from_the_first_block(void **state) {
    (void)state;
    static const struct {
        const char *name;
        uint32_t fork, difficulty, flags;
    } cases[] = {
        {"Frontier", HD_FORK_FRONTIER, HD_DIFFICULTY_FRONTIER, 0},
        {"EIP150", HD_FORK_TANGERINE, HD_DIFFICULTY_HOMESTEAD, 0},
        {"SpuriousDragon", HD_FORK_SPURIOUS, HD_DIFFICULTY_HOMESTEAD, 0},
        {"ConstantinopleFix", HD_FORK_PETERSBURG, HD_DIFFICULTY_CONSTANTINOPLE, 0},
        {"MuirGlacier", HD_FORK_ISTANBUL, HD_DIFFICULTY_MUIR_GLACIER, 0},
        {"London", HD_FORK_LONDON, HD_DIFFICULTY_LONDON, 0},
        {"Merge", HD_FORK_PARIS, HD_DIFFICULTY_GRAY_GLACIER, HD_RULES_MERGED},
        {"Osaka", HD_FORK_OSAKA, HD_DIFFICULTY_GRAY_GLACIER, HD_RULES_MERGED},
        {"BPO4", HD_FORK_OSAKA, HD_DIFFICULTY_GRAY_GLACIER, HD_RULES_MERGED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        hd_chain_config config = named(cases[i].name);
        hd_chain_rules rules = at(&config, 0, 0, hd_u256_zero());
        assert_int_equal(rules.fork, cases[i].fork);
        assert_int_equal(rules.difficulty, cases[i].difficulty);
        assert_int_equal(rules.flags, cases[i].flags);
        assert_int_equal(rules.chain_id, 1);
    }
}

static void name_of_a_transition_changes_at_its_place(void **state) {
    (void)state;
    hd_u256 zero = hd_u256_zero();
    hd_chain_config config = named("BerlinToLondonAt5");
    assert_int_equal(at(&config, 4, 99999, zero).fork, HD_FORK_BERLIN);
    assert_int_equal(at(&config, 5, 0, zero).fork, HD_FORK_LONDON);
    config = named("BPO1ToBPO2AtTime15k");
    assert_int_equal(at(&config, 1, 14999, zero).blobs.max_cnt, 15);
    assert_int_equal(at(&config, 1, 15000, zero).blobs.max_cnt, 21);
    config = named("ArrowGlacierToParisAtDiffC0000");
    assert_int_equal(at(&config, 9, 0, hd_u256_from_u64(0xbffff)).fork, HD_FORK_LONDON);
    assert_int_equal(at(&config, 9, 0, hd_u256_from_u64(0xc0000)).fork, HD_FORK_PARIS);
    config = named("HomesteadToDaoAt5");
    assert_int_equal(at(&config, 4, 0, zero).flags, 0);
    assert_int_equal(at(&config, 5, 0, zero).flags, HD_RULES_DAO_MOVE | HD_RULES_DAO_EXTRA);
    assert_int_equal(at(&config, 14, 0, zero).flags, HD_RULES_DAO_EXTRA);
    assert_int_equal(at(&config, 15, 0, zero).flags, 0);
}

static void unknown_name_is_refused(void **state) {
    (void)state;
    static const char *const names[] = {
        "",
        "Amsterdam",
        "BerlinToLondon",
        "BerlinToLondonAt",
        "ToAt5",
        "BerlinToLondonAt5x",
        "BerlinToLondonAtk",
        "ArrowGlacierToParisAtDiff",
        "XToLondonAt5",
        "BerlinToXAt5",
        "OsakaToBPO1AtTime15kk",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        hd_chain_config config;
        hd_msg msg = {""};
        assert_int_equal(hd_chain_config_named(&config, &msg, names[i]), HD_ERR_UNSUPPORTED);
        assert_true(msg.text[0] != 0);
    }
}

static void mainnet_has_every_fork_at_its_block(void **state) {
    (void)state;
    hd_chain_config config;
    hd_u256 zero = hd_u256_zero();
    hd_chain_config_mainnet(&config);
    hd_u256 merged = config.terminal_difficulty;
    static const struct {
        uint64_t number;
        uint32_t before, after;
    } blocks[] = {
        {1150000, HD_FORK_FRONTIER, HD_FORK_HOMESTEAD},
        {2463000, HD_FORK_HOMESTEAD, HD_FORK_TANGERINE},
        {2675000, HD_FORK_TANGERINE, HD_FORK_SPURIOUS},
        {4370000, HD_FORK_SPURIOUS, HD_FORK_BYZANTIUM},
        {7280000, HD_FORK_BYZANTIUM, HD_FORK_PETERSBURG},
        {9069000, HD_FORK_PETERSBURG, HD_FORK_ISTANBUL},
        {12244000, HD_FORK_ISTANBUL, HD_FORK_BERLIN},
        {12965000, HD_FORK_BERLIN, HD_FORK_LONDON},
    };
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        assert_int_equal(at(&config, blocks[i].number - 1, 1, zero).fork, blocks[i].before);
        assert_int_equal(at(&config, blocks[i].number, 1, zero).fork, blocks[i].after);
    }
    assert_int_equal(at(&config, 15537394, 1663224179, zero).fork, HD_FORK_LONDON);
    assert_int_equal(at(&config, 15537394, 1663224179, merged).fork, HD_FORK_PARIS);
    assert_int_equal(at(&config, 17034870, 1681338455, merged).fork, HD_FORK_SHANGHAI);
    assert_int_equal(at(&config, 19426587, 1710338135, merged).fork, HD_FORK_CANCUN);
    assert_int_equal(at(&config, 22431084, 1746612311, merged).blobs.max_cnt, 9);
    assert_int_equal(at(&config, 24000000, 1767747671, merged).blobs.max_cnt, 21);
    assert_int_equal(at(&config, 1920000, 1, zero).flags, HD_RULES_DAO_MOVE | HD_RULES_DAO_EXTRA);
}

static void place_of_a_header_without_difficulty_is_after_the_merge(void **state) {
    (void)state;
    hd_chain_config config;
    static hd_header h;
    hd_chain_rules rules;
    hd_chain_config_mainnet(&config);
    h.number = 15537393;
    h.difficulty = hd_u256_from_u64(1);
    hd_chain_place place = hd_chain_place_of(&config, &h);
    assert_int_equal(hd_chain_rules_at(&rules, NULL, &config, &place), HD_OK);
    assert_int_equal(rules.fork, HD_FORK_LONDON);
    h.difficulty = hd_u256_zero();
    place = hd_chain_place_of(&config, &h);
    assert_int_equal(hd_chain_rules_at(&rules, NULL, &config, &place), HD_OK);
    assert_int_equal(rules.fork, HD_FORK_PARIS);
}

static void genesis_config_of_geth_is_read(void **state) {
    (void)state;
    hd_chain_config config;
    hd_msg msg = {""};
    hd_u256 zero = hd_u256_zero(), merged = hd_u256_from_u64(4096);
    assert_int_equal(
        read_text(&config, &msg,
                  "{\"chainId\": 7, \"homesteadBlock\": 1, \"eip150Block\": 2, \"eip155Block\": 3,"
                  "\"eip158Block\": 3, \"byzantiumBlock\": 4, \"constantinopleBlock\": 5,"
                  "\"istanbulBlock\": 6, \"berlinBlock\": 7, \"londonBlock\": 8,"
                  "\"mergeNetsplitBlock\": 9, \"terminalTotalDifficulty\": 4096,"
                  "\"shanghaiTime\": 100, \"cancunTime\": 200, \"pragueTime\": 300,"
                  "\"osakaTime\": 400, \"bpo1Time\": 500, \"verkleTime\": null, \"ethash\": {},"
                  "\"depositContractAddress\": \"0x0000000000000000000000000000000000000099\","
                  "\"blobSchedule\": {\"cancun\": {\"target\": 1, \"max\": 2,"
                  "\"baseFeeUpdateFraction\": 3}, \"bpo1\": {\"target\": 4, \"max\": 5,"
                  "\"baseFeeUpdateFraction\": 6}}}"),
        HD_OK);
    assert_int_equal(at(&config, 0, 0, zero).fork, HD_FORK_FRONTIER);
    assert_int_equal(at(&config, 3, 0, zero).fork, HD_FORK_SPURIOUS);
    /* Without a place of its own Petersburg comes with Constantinople. */
    assert_int_equal(at(&config, 5, 0, zero).fork, HD_FORK_PETERSBURG);
    assert_int_equal(at(&config, 8, 1000, zero).fork, HD_FORK_LONDON);
    assert_int_equal(at(&config, 9, 99, merged).fork, HD_FORK_PARIS);
    assert_int_equal(at(&config, 9, 100, merged).fork, HD_FORK_SHANGHAI);
    assert_int_equal(at(&config, 9, 200, merged).blobs.max_cnt, 2);
    /* Forks that the schedule does not name leave the parameters as they were. */
    assert_int_equal(at(&config, 9, 400, merged).blobs.max_cnt, 2);
    assert_int_equal(at(&config, 9, 500, merged).blobs.update_fraction, 6);
    assert_int_equal(at(&config, 9, 500, merged).deposit_contract.b[19], 0x99);
    assert_int_equal(at(&config, 9, 500, merged).chain_id, 7);
}

static void unknown_fork_stops_the_chain_where_it_begins(void **state) {
    (void)state;
    hd_chain_config config;
    hd_chain_rules rules;
    hd_msg msg = {""};
    assert_int_equal(read_text(&config, &msg,
                               "{\"homesteadBlock\": 0, \"londonBlock\": 0, \"strangeBlock\": 50,"
                               "\"terminalTotalDifficulty\": 0, \"shanghaiTime\": 0,"
                               "\"amsterdamTime\": 1000}"),
                     HD_OK);
    assert_int_equal(at(&config, 49, 999, hd_u256_zero()).fork, HD_FORK_SHANGHAI);
    hd_chain_place late = {.number = 1, .timestamp = 1000};
    assert_int_equal(hd_chain_rules_at(&rules, &msg, &config, &late), HD_ERR_UNSUPPORTED);
    assert_non_null(strstr(msg.text, "amsterdamTime"));
    hd_chain_place high = {.number = 50, .timestamp = 1};
    assert_int_equal(hd_chain_rules_at(&rules, &msg, &config, &high), HD_ERR_UNSUPPORTED);
    assert_non_null(strstr(msg.text, "strangeBlock"));
}

static void malformed_config_is_refused_with_its_place(void **state) {
    (void)state;
    static const char *const texts[] = {
        "[]",
        "{\"homesteadBlock\": \"x\"}",
        "{\"homesteadBlock\": 9, \"eip150Block\": 8}",
        "{\"shanghaiTime\": 9, \"cancunTime\": 8}",
        "{\"terminalTotalDifficulty\": -1}",
        "{\"cancunTime\": 1, \"blobSchedule\": {\"cancun\": {\"target\": 9, \"max\": 8,"
        "\"baseFeeUpdateFraction\": 1}}}",
        "{\"cancunTime\": 1, \"blobSchedule\": {\"cancun\": {\"target\": 1, \"max\": 8,"
        "\"baseFeeUpdateFraction\": 0}}}",
        "{\"depositContractAddress\": \"0x12\"}",
        "{\"amsterdamTime\": \"soon\"}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        hd_chain_config config;
        hd_msg msg = {""};
        assert_int_equal(read_text(&config, &msg, texts[i]), HD_ERR_FORMAT);
        assert_non_null(strstr(msg.text, "config"));
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(name_of_a_fork_gives_its_rules_from_the_first_block),
    cmocka_unit_test(name_of_a_transition_changes_at_its_place),
    cmocka_unit_test(unknown_name_is_refused),
    cmocka_unit_test(mainnet_has_every_fork_at_its_block),
    cmocka_unit_test(place_of_a_header_without_difficulty_is_after_the_merge),
    cmocka_unit_test(genesis_config_of_geth_is_read),
    cmocka_unit_test(unknown_fork_stops_the_chain_where_it_begins),
    cmocka_unit_test(malformed_config_is_refused_with_its_place),
};

HD_TEST_MAIN(tests)
