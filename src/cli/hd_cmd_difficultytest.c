/* hd_cmd_difficultytest.c - `heddle difficultytest`: the official proof-of-work difficulty tests.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hd_json.h"
#include "cli/hd_cli.h"
#include "cli/hd_cmd.h"
#include "exec/hd_block_rules.h"

#define FILE_SZ_MAX (256ull << 20)

typedef struct {
    hd_cli_report report;
    hd_buf objects; /* of the file at hand */
    uint64_t object_cnt;
    const char *file;
} run;

static const struct {
    const char *fork;
    uint32_t rules;
} forks[] = {
    {"Frontier", HD_DIFFICULTY_FRONTIER},
    {"Homestead", HD_DIFFICULTY_HOMESTEAD},
    {"EIP150", HD_DIFFICULTY_HOMESTEAD},
    {"EIP158", HD_DIFFICULTY_HOMESTEAD},
    {"Byzantium", HD_DIFFICULTY_BYZANTIUM},
    {"Constantinople", HD_DIFFICULTY_CONSTANTINOPLE},
    {"ConstantinopleFix", HD_DIFFICULTY_CONSTANTINOPLE},
    {"Istanbul", HD_DIFFICULTY_CONSTANTINOPLE},
    {"MuirGlacier", HD_DIFFICULTY_MUIR_GLACIER},
    {"Berlin", HD_DIFFICULTY_MUIR_GLACIER},
    {"London", HD_DIFFICULTY_LONDON},
    {"ArrowGlacier", HD_DIFFICULTY_ARROW_GLACIER},
    {"GrayGlacier", HD_DIFFICULTY_GRAY_GLACIER},
};

static int rules_by_fork(uint32_t *rules, const char *fork) {
    for (size_t i = 0; i < sizeof forks / sizeof forks[0]; i++)
        if (strcmp(forks[i].fork, fork) == 0) {
            *rules = forks[i].rules;
            return 1;
        }
    return 0;
}

/* The old files (BasicTests) name no fork: they follow a network's history up to Constantinople,
   which was the newest fork when they were made. */
typedef struct {
    const char *file;
    const char *name;
    uint64_t homestead_number;
    uint64_t byzantium_number;
    uint64_t constantinople_number;
} network;

static const network networks[] = {
    {"difficulty.json", "MainNetwork", 1150000, 4370000, 7280000},
    {"difficultyMainNetwork.json", "MainNetwork", 1150000, 4370000, 7280000},
    {"difficultyCustomMainNetwork.json", "MainNetwork", 1150000, 4370000, 7280000},
    {"difficultyCustomHomestead.json", "Homestead", 0, UINT64_MAX, UINT64_MAX},
    {"difficultyRopsten.json", "Ropsten", 0, 1700000, 4230000},
};

static const network *network_of(const char *path) {
    const char *base = strrchr(path, '/');
    base = base ? base + 1 : path;
    for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++)
        if (strcmp(networks[i].file, base) == 0)
            return &networks[i];
    return NULL;
}

static void put_case(run *r, const char *name, const char *fork, int is_passed, const char *error) {
    hd_buf *out = &r->objects;
    hd_buf_append_str(out, r->object_cnt ? ",\n{\"name\":" : "{\"name\":");
    hd_cli_put_str(out, name, strlen(name));
    hd_buf_append_str(out, ",\"file\":");
    hd_cli_put_str(out, r->file, strlen(r->file));
    hd_buf_append_str(out, ",\"fork\":");
    hd_cli_put_str(out, fork, strlen(fork));
    hd_buf_printf(out, ",\"pass\":%s,\"skipped\":false,\"error\":", is_passed ? "true" : "false");
    hd_cli_put_str(out, error, strlen(error));
    hd_buf_append_byte(out, '}');
    r->object_cnt++;
    if (is_passed)
        r->report.passed_cnt++;
    else
        r->report.failed_cnt++;
}

static void bad_input(run *r, const hd_msg *msg) {
    fprintf(stderr, "heddle difficultytest: %s\n", msg->text);
    r->report.bad_input_cnt++;
}

/* Old files give the hash of the parent's ommers, new ones 0 or 1. */
static hd_err read_has_ommers(uint32_t *out, hd_msg *msg, hd_json val) {
    static const uint8_t empty_list_hash[32] = {0x1d, 0xcc, 0x4d, 0xe8, 0xde, 0xc7, 0x5d, 0x7a,
                                                0xab, 0x85, 0xb5, 0x67, 0xb6, 0xcc, 0xd4, 0x1a,
                                                0xd3, 0x12, 0x45, 0x1b, 0x94, 0x8a, 0x74, 0x13,
                                                0xf0, 0xa1, 0x42, 0xfd, 0x40, 0xd4, 0x93, 0x47};
    hd_hash word;
    hd_err err = hd_json_num(&word, msg, val);
    if (err != HD_OK)
        return err;
    static const uint8_t zero[32];
    *out = memcmp(word.b, zero, 32) != 0 && memcmp(word.b, empty_list_hash, 32) != 0;
    return HD_OK;
}

static void run_case(run *r, const char *name, hd_json val, const char *fork, const network *net,
                     uint32_t rules) {
    hd_difficulty_input in = {.rules = rules};
    hd_msg msg = {""};
    hd_hash parent, want;
    hd_json ommers;
    hd_err err = hd_json_get_num(&parent, &msg, val, "parentDifficulty");
    if (err == HD_OK)
        err = hd_json_get_num(&want, &msg, val, "currentDifficulty");
    if (err == HD_OK)
        err = hd_json_get_u64(&in.parent_timestamp, &msg, val, "parentTimestamp");
    if (err == HD_OK)
        err = hd_json_get_u64(&in.timestamp, &msg, val, "currentTimestamp");
    if (err == HD_OK)
        err = hd_json_get_u64(&in.number, &msg, val, "currentBlockNumber");
    if (err == HD_OK && hd_json_find(&ommers, val, "parentUncles"))
        err = read_has_ommers(&in.has_parent_ommers, &msg, ommers);
    if (err != HD_OK) {
        bad_input(r, &msg);
        return;
    }
    if (net) {
        in.rules = HD_DIFFICULTY_FRONTIER;
        if (in.number >= net->homestead_number)
            in.rules = HD_DIFFICULTY_HOMESTEAD;
        if (in.number >= net->byzantium_number)
            in.rules = HD_DIFFICULTY_BYZANTIUM;
        if (in.number >= net->constantinople_number)
            in.rules = HD_DIFFICULTY_CONSTANTINOPLE;
    }
    in.parent_difficulty = hd_u256_load_be(parent.b);
    hd_hash got;
    hd_u256_store_be(got.b, hd_difficulty(&in));
    int is_passed = memcmp(got.b, want.b, sizeof got.b) == 0;
    hd_buf text = {0};
    if (!is_passed) {
        hd_buf_append_str(&text, "difficulty is 0x");
        hd_buf_append_hex(&text, got.b, sizeof got.b);
    }
    put_case(r, name, fork, is_passed, hd_buf_str(&text));
    hd_buf_free(&text);
}

/* A new file: {test: {"_info": ..., FORK: {case: ...}}}. */
static void run_test(run *r, hd_json test) {
    for (hd_json_iter it = hd_json_begin(test); hd_json_next(&it);) {
        uint32_t rules;
        if (strcmp(it.key, "_info") == 0)
            continue;
        if (!rules_by_fork(&rules, it.key)) {
            hd_msg msg = {""};
            hd_json_fail(&msg, it.val, "a proof-of-work fork is expected");
            bad_input(r, &msg);
            continue;
        }
        for (hd_json_iter c = hd_json_begin(it.val); hd_json_next(&c);)
            run_case(r, c.key, c.val, it.key, NULL, rules);
    }
}

static void run_file(run *r, const char *path) {
    hd_json_doc *doc = NULL;
    hd_json root;
    hd_msg msg = {""};
    hd_err err = hd_json_load(&doc, &root, &msg, path, FILE_SZ_MAX, HD_JSON_DEPTH_DEFAULT);
    if (err == HD_OK && !hd_json_is_object(root))
        err = hd_json_fail(&msg, root, "an object of tests is expected");
    r->file = path;
    r->object_cnt = 0;
    hd_buf_clear(&r->objects);
    if (err != HD_OK) {
        bad_input(r, &msg);
        return;
    }
    for (hd_json_iter it = hd_json_begin(root); hd_json_next(&it);) {
        const network *net = network_of(path);
        hd_json ignored;
        if (!hd_json_find(&ignored, it.val, "parentDifficulty")) {
            run_test(r, it.val);
        } else if (net) {
            run_case(r, it.key, it.val, net->name, net, 0);
        } else {
            hd_json_fail(&msg, it.val, "the file's name does not tell the network");
            bad_input(r, &msg);
            break;
        }
    }
    hd_cli_report_add(&r->report, &r->objects, r->object_cnt);
    hd_json_close(doc);
}

int hd_cmd_difficultytest(int argc, char **argv) {
    static const hd_cli_spec spec = {
        .command = "difficultytest",
        .usage = "PATH...",
        .about =
            "Runs official difficulty tests: DifficultyTests and BasicTests/difficulty*.json.\n"
            "PATH is a file or a folder.",
        .example = "heddle difficultytest fixtures/tx-trie-rlp/DifficultyTests"};
    hd_cli cli;
    int id;
    char **paths = calloc((size_t)argc + 1, sizeof *paths);
    size_t path_cnt = 0;
    if (!paths)
        return HD_EXIT_USAGE;
    hd_cli_init(&cli, &spec, argc, argv);
    while ((id = hd_cli_next(&cli)) == HD_CLI_ARG)
        paths[path_cnt++] = argv[cli.idx - 1];
    int status = HD_EXIT_USAGE;
    hd_file_list files = {0};
    if (id == HD_CLI_HELP)
        status = HD_EXIT_OK;
    else if (id == HD_CLI_END && path_cnt == 0)
        status = hd_cli_wrong(&cli, "a file or folder is expected");
    else if (id == HD_CLI_END && hd_cli_walk(&files, spec.command, paths, path_cnt) == HD_EXIT_OK) {
        run r = {0};
        hd_cli_report_begin(&r.report);
        for (size_t i = 0; i < files.path_cnt; i++)
            run_file(&r, files.paths[i]);
        hd_buf_free(&r.objects);
        hd_file_list_free(&files);
        status = hd_cli_report_end(&r.report, spec.command);
    }
    free(paths);
    return status;
}
