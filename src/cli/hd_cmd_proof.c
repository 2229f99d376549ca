/* hd_cmd_proof.c - `heddle proof`: eth_getProof's answer out of a store, and its check. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hd_hex.h"
#include "cli/hd_cli.h"
#include "cli/hd_cmd.h"
#include "cli/hd_proof_json.h"
#include "evm/hd_block.h"
#include "state/hd_state_trie.h"
#include "state/hd_store_nodes.h"
#include "state/hd_store_undo.h"

enum { OPTION_DATADIR = 1, OPTION_BLOCK, OPTION_VERIFY, OPTION_ROOT };

static const hd_cli_option options[] = {
    {"--datadir", "DIR", "folder of the store", OPTION_DATADIR},
    {"--block", "BLOCK", "number, hash, earliest or latest (the default)", OPTION_BLOCK},
    {"--verify", "FILE", "check a proof (\"-\": standard input) instead", OPTION_VERIFY},
    {"--root", "HASH", "state root to check it against", OPTION_ROOT},
};

static const hd_cli_spec spec = {
    .command = "proof",
    .usage = "--datadir DIR [--block BLOCK] ADDRESS [SLOT...] | --verify FILE --root HASH",
    .about = "Print a proof of an account and of slots of it, as eth_getProof answers (EIP-1186),\n"
             "for the head of a store or for an earlier block whose state it keeps (that costs\n"
             "the whole state). With --verify check such a proof, or a JSON-RPC answer with one:\n"
             "a line about each claim. Exit status: 0 done or all holds, 1 something in the proof\n"
             "is wrong, 2 usage, unreadable input, a state that is not kept.",
    .example = "heddle proof --datadir chain 0x7dcd17433742f4c0ca53122ab541d0ba67fc27df 0x0",
    .options = options,
    .option_cnt = sizeof options / sizeof options[0]};

typedef struct {
    const char *dir, *block, *file;
    hd_hash root;
    int has_root, has_addr;
    hd_address addr;
    hd_buf slots; /* of hd_proof_slot */
} arguments;

static int fail(hd_err err, const hd_msg *msg, const char *what) {
    if (msg->text[0])
        fprintf(stderr, "heddle proof: %s\n", msg->text);
    else
        fprintf(stderr, "heddle proof: %s: %s\n", what, hd_err_name(err));
    return HD_EXIT_USAGE;
}

/* ---- making ---- */

static hd_err block_root(hd_hash *root, hd_msg *msg, hd_store_read *r, uint64_t number,
                         const hd_hash *hash) {
    hd_span raw;
    hd_header header;
    hd_err err = hd_store_get_header(&raw, msg, r, number, hash);
    if (err == HD_OK && hd_header_decode(&header, NULL, raw) != HD_OK)
        err = HD_ERR_CORRUPT;
    if (err == HD_OK)
        *root = header.state_root;
    return err;
}

/* The block that is meant: its number and state root. A line and 0 where there is none. */
static int find_block(uint64_t *number, hd_hash *root, hd_msg *msg, hd_store_read *r,
                      const hd_store_head *head, const char *text) {
    hd_hash hash, canonical, word;
    const char *reason = NULL;
    size_t sz = text ? strlen(text) : 0;
    if (!text || strcmp(text, "latest") == 0) {
        *number = head->number;
        *root = head->state_root;
        return 1;
    }
    int is_hash = sz == 66 && hd_hex_decode_exact(hash.b, sizeof hash.b, NULL, text, sz) == HD_OK;
    hd_err err = HD_OK;
    if (is_hash) {
        err = hd_store_get_number(number, msg, r, &hash);
    } else {
        memset(&word, 0, sizeof word);
        if (strcmp(text, "earliest") != 0)
            err = sz >= 2 && text[1] == 'x' ? hd_hex_parse_num(word.b + 24, 8, &reason, text, sz)
                                            : hd_dec_parse_num(word.b + 24, 8, &reason, text, sz);
        if (err != HD_OK) {
            hd_msg_set(msg, "--block expects a number or a hash, not \"%.80s\": %s", text, reason);
            return 0;
        }
        *number = hd_load_be64(word.b + 24);
    }
    if (err == HD_OK)
        err = hd_store_get_canonical(&canonical, msg, r, *number);
    if (err == HD_OK && is_hash && memcmp(&hash, &canonical, sizeof hash) != 0) {
        hd_msg_set(msg, "block %.66s is on a branch that is not the head's: its state is not kept",
                   text);
        return 0;
    }
    if (err == HD_OK)
        err = block_root(root, msg, r, *number, &canonical);
    if (err == HD_OK)
        return 1;
    if (err == HD_ERR_ABSENT)
        hd_msg_set(msg, "there is no block %.80s: the head is %llu", text,
                   (unsigned long long)head->number);
    return 0;
}

/* The tries of a state made anew: of an earlier block, or where the store has no nodes yet. */
static hd_err build_tries(hd_state_trie **out, hd_msg *msg, hd_store_read *r, uint64_t number,
                          const hd_hash *want) {
    hd_hash root;
    hd_state *state = hd_state_new();
    if (!state)
        return HD_ERR_NOMEM;
    hd_err err = hd_store_load_at(state, msg, r, number);
    if (err == HD_OK)
        err = hd_state_trie_open(out, NULL, NULL);
    if (err == HD_OK)
        err = hd_state_trie_touch_all(*out, state);
    if (err == HD_OK)
        err = hd_state_trie_root(&root, *out, state);
    if (err == HD_OK && memcmp(&root, want, sizeof root) != 0) {
        hd_msg_set(msg, "the state of block %llu has another root than its header says",
                   (unsigned long long)number);
        err = HD_ERR_CORRUPT;
    }
    hd_state_free(state);
    return err;
}

/* Whether somebody has, or may have, imported blocks since head was read. */
static int has_moved(hd_store *store, const hd_store_head *head) {
    hd_store_head now;
    hd_store_read *r;
    hd_msg msg = {{0}};
    if (hd_store_read_begin(&r, &msg, store) != HD_OK)
        return 1;
    int is_moved = hd_store_get_head(&now, &msg, r) == HD_OK &&
                   (now.number != head->number ||
                    memcmp(&now.state_root, &head->state_root, sizeof now.state_root) != 0);
    hd_store_read_end(r);
    return is_moved;
}

static hd_err put_proof(hd_buf *out, hd_forest_host *forest, const arguments *a) {
    return hd_proof_json_write(out, forest, &a->addr,
                               (const hd_proof_slot *)(const void *)a->slots.data,
                               a->slots.sz / sizeof(hd_proof_slot));
}

static hd_err write_proof(hd_buf *out, hd_msg *msg, const arguments *a, hd_store *store,
                          hd_store_read *r) {
    hd_store_head head;
    hd_hash root;
    uint64_t number;
    hd_store_nodes nodes = {store, msg};
    hd_forest_source source;
    hd_forest_host *forest = NULL;
    hd_state_trie *trie = NULL;
    hd_err err = hd_store_get_head(&head, msg, r);
    if (err == HD_ERR_ABSENT)
        hd_msg_set(msg, "%s: the store has no block yet", a->dir);
    if (err != HD_OK)
        return err;
    if (!find_block(&number, &root, msg, r, &head, a->block))
        return HD_ERR_ABSENT;
    err = number == head.number ? hd_store_nodes_source(&source, &nodes, &root) : HD_ERR_ABSENT;
    if (err == HD_OK)
        err = hd_forest_open(&forest, NULL, &source);
    if (err == HD_OK)
        err = put_proof(out, forest, a);
    /* Nodes are read as they are now, and the rest as of when r began. */
    if (err == HD_ERR_CORRUPT && has_moved(store, &head))
        err = HD_ERR_ABSENT;
    if (err == HD_ERR_ABSENT) {
        msg->text[0] = 0;
        hd_buf_clear(out);
        err = build_tries(&trie, msg, r, number, &root);
        if (err == HD_OK)
            err = put_proof(out, hd_state_trie_forest(trie), a);
    }
    hd_forest_close(forest);
    hd_state_trie_close(trie);
    return err;
}

static int make(const arguments *a) {
    hd_store_options store_options = {HD_STORE_READ_ONLY, 0, 0};
    hd_store *store;
    hd_store_read *r;
    hd_msg msg = {{0}};
    hd_buf out;
    hd_err err = hd_store_open(&store, &msg, a->dir, &store_options);
    if (err != HD_OK)
        return fail(err, &msg, a->dir);
    hd_buf_init(&out);
    err = hd_store_read_begin(&r, &msg, store);
    if (err == HD_OK) {
        err = write_proof(&out, &msg, a, store, r);
        hd_store_read_end(r);
    }
    hd_store_close(store, NULL);
    hd_buf_append_byte(&out, '\n');
    int status = HD_EXIT_OK;
    if (err != HD_OK)
        status = fail(err, &msg, a->dir);
    else if (fwrite(out.data, 1, out.sz, stdout) != out.sz || fflush(stdout) != 0)
        status = fail(HD_ERR_IO, &msg, "standard output");
    hd_buf_free(&out);
    return status;
}

/* ---- checking ---- */

static int verify(const arguments *a) {
    hd_json_doc *doc;
    hd_json root;
    hd_msg msg = {{0}};
    hd_buf text;
    size_t wrong_cnt = 0;
    hd_err err =
        hd_json_load(&doc, &root, &msg, a->file, HD_PROOF_FILE_SZ_MAX, HD_PROOF_JSON_DEPTH_MAX);
    if (err != HD_OK)
        return fail(err, &msg, a->file);
    hd_buf_init(&text);
    err = hd_proof_json_check(&text, &wrong_cnt, &msg, root, &a->root);
    int status = wrong_cnt ? HD_EXIT_FAILED : HD_EXIT_OK;
    if (err != HD_OK)
        status = fail(err, &msg, a->file);
    else if (fwrite(text.data, 1, text.sz, stdout) != text.sz || fflush(stdout) != 0)
        status = fail(HD_ERR_IO, &msg, "standard output");
    hd_buf_free(&text);
    hd_json_close(doc);
    return status;
}

/* ---- arguments ---- */

/* The first argument is the address, the others are slots. */
static int take_argument(arguments *a, hd_cli *cli) {
    hd_proof_slot slot;
    hd_hash word;
    cli->option = a->has_addr ? "SLOT" : "ADDRESS";
    if (!a->has_addr) {
        a->has_addr = 1;
        return hd_cli_address(&a->addr, cli);
    }
    if (a->slots.sz / sizeof slot >= HD_PROOF_SLOTS_MAX) {
        hd_cli_wrong(cli, "more than %u slots", HD_PROOF_SLOTS_MAX);
        return 0;
    }
    if (!hd_cli_num(&word, cli))
        return 0;
    memset(&slot, 0, sizeof slot);
    slot.key = hd_u256_load_be(word.b);
    slot.is_word = strncmp(cli->value, "0x", 2) == 0 && strlen(cli->value) == 66;
    return hd_buf_append(&a->slots, &slot, sizeof slot) == HD_OK;
}

static int run(arguments *a, int argc, char **argv) {
    hd_cli cli;
    int id;
    hd_cli_init(&cli, &spec, argc, argv);
    while ((id = hd_cli_next(&cli)) != HD_CLI_END) {
        switch (id) {
        case HD_CLI_HELP: return HD_EXIT_OK;
        case HD_CLI_WRONG: return HD_EXIT_USAGE;
        case HD_CLI_ARG:
            if (!take_argument(a, &cli))
                return HD_EXIT_USAGE;
            break;
        case OPTION_DATADIR: a->dir = cli.value; break;
        case OPTION_BLOCK: a->block = cli.value; break;
        case OPTION_VERIFY: a->file = cli.value; break;
        case OPTION_ROOT:
            if (hd_hex_decode_exact(a->root.b, sizeof a->root.b, NULL, cli.value,
                                    strlen(cli.value)) != HD_OK)
                return hd_cli_wrong(&cli, "--root expects 0x and 64 digits, not \"%.80s\"",
                                    cli.value);
            a->has_root = 1;
            break;
        }
    }
    if (a->file) {
        if (!a->has_root)
            return hd_cli_wrong(&cli, "--verify needs --root");
        if (a->dir || a->block || a->has_addr)
            return hd_cli_wrong(&cli, "--verify goes with --root alone");
        return verify(a);
    }
    if (!a->dir)
        return hd_cli_wrong(&cli, "--datadir or --verify is needed");
    if (!a->has_addr)
        return hd_cli_wrong(&cli, "an address is expected");
    return make(a);
}

int hd_cmd_proof(int argc, char **argv) {
    arguments a;
    memset(&a, 0, sizeof a);
    int status = run(&a, argc, argv);
    hd_buf_free(&a.slots);
    return status;
}
