/* hd_replay.c - blocks with the state before them: found, loaded, checked, executed. */
#include "cli/hd_replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hd_clock.h"
#include "base/hd_hex.h"

#define PATH_SZ 4096u
#define LEVELS_MAX 3u /* where books are looked for: DIR, and so many folders above it */

int hd_replay_option(hd_replay_options *o, const hd_cli *cli, int id) {
    switch (id) {
    case HD_REPLAY_OPTION_BYTECODES: o->codes_path = cli->value; return 1;
    case HD_REPLAY_OPTION_BLOCK_HASHES: o->hashes_path = cli->value; return 1;
    case HD_REPLAY_OPTION_BACKEND: return hd_cli_backend(&o->backend, cli, 0);
    case HD_REPLAY_OPTION_THREADS: return hd_cli_u64(&o->threads, cli, 1, HD_POOL_THREADS_MAX);
    default: o->is_serial = 1; return 1;
    }
}

/* ---- folders */

static int is_file(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* The number that a folder is called, or UINT64_MAX. */
static uint64_t dir_number(const char *dir) {
    const char *name = strrchr(dir, '/');
    name = name ? name + 1 : dir;
    size_t digits = strspn(name, "0123456789");
    return digits && digits < 20 && !name[digits] ? strtoull(name, NULL, 10) : UINT64_MAX;
}

static int dir_order(const void *a, const void *b) {
    const char *x = *(char *const *)a, *y = *(char *const *)b;
    uint64_t p = dir_number(x), q = dir_number(y);
    return p != q ? (p > q) - (p < q) : strcmp(x, y);
}

static hd_err add_dir(hd_replay_dirs *out, const char *dir, size_t sz) {
    char **dirs = realloc(out->dirs, (out->dir_cnt + 1) * sizeof *dirs);
    if (!dirs)
        return HD_ERR_NOMEM;
    out->dirs = dirs;
    dirs[out->dir_cnt] = strndup(dir, sz);
    if (!dirs[out->dir_cnt])
        return HD_ERR_NOMEM;
    out->dir_cnt++;
    return HD_OK;
}

static hd_err find_in(hd_replay_dirs *out, hd_msg *msg, const char *path) {
    static const char name[] = "/block.json";
    hd_file_list list;
    size_t before = out->dir_cnt;
    if (!hd_file_is_folder(path)) {
        hd_msg_set(msg, "%s: a folder with block.json and pre_state.json is expected", path);
        return HD_ERR_ABSENT;
    }
    hd_err err = hd_file_walk(&list, msg, path, name);
    for (size_t i = 0; err == HD_OK && i < list.path_cnt; i++)
        err = add_dir(out, list.paths[i], strlen(list.paths[i]) - (sizeof name - 1));
    hd_file_list_free(&list);
    if (err == HD_OK && out->dir_cnt == before) {
        hd_msg_set(msg, "%s: no block.json is in it or below", path);
        return HD_ERR_ABSENT;
    }
    if (err == HD_OK)
        qsort(out->dirs + before, out->dir_cnt - before, sizeof *out->dirs, dir_order);
    return err;
}

hd_err hd_replay_find(hd_replay_dirs *out, hd_msg *msg, char **paths, size_t path_cnt) {
    hd_err err = HD_OK;
    memset(out, 0, sizeof *out);
    for (size_t i = 0; err == HD_OK && i < path_cnt; i++)
        err = find_in(out, msg, paths[i]);
    if (err != HD_OK)
        hd_replay_dirs_free(out);
    return err;
}

void hd_replay_dirs_free(hd_replay_dirs *dirs) {
    for (size_t i = 0; i < dirs->dir_cnt; i++)
        free(dirs->dirs[i]);
    free(dirs->dirs);
    memset(dirs, 0, sizeof *dirs);
}

/* ---- the backend and the books */

int hd_replay_open(hd_replay *r, const hd_replay_options *o) {
    memset(r, 0, sizeof *r);
    r->o = *o;
    hd_exec_options options = {.backend = o->backend,
                               .threads = o->is_serial ? 1 : (uint32_t)o->threads};
    hd_chain_config_mainnet(&r->config);
    hd_err err = hd_pool_open(&r->pool, options.threads);
    if (err == HD_OK)
        err = hd_exec_open(&r->exec, &options);
    if (err == HD_OK)
        return HD_EXIT_OK;
    fprintf(stderr, "heddle %s: the backend is not usable here: %s\n", o->command,
            hd_err_name(err));
    hd_replay_close(r);
    return HD_EXIT_USAGE;
}

void hd_replay_close(hd_replay *r) {
    hd_exec_close(r->exec);
    hd_pool_close(r->pool);
    hd_code_book_free(&r->codes);
    hd_block_hash_book_free(&r->hashes);
    free(r->codes_from);
    free(r->hashes_from);
    memset(r, 0, sizeof *r);
}

/* Writes the path of a book to out: the one given, or the one that lies in DIR or above it; the
   empty text where there is none. */
static hd_err book_path(char out[PATH_SZ], hd_msg *msg, const char *given, const char *dir,
                        const char *name) {
    int sz = 0;
    if (given) {
        sz = snprintf(out, PATH_SZ, "%s", given);
    } else {
        char up[3 * LEVELS_MAX + 1] = "";
        for (uint32_t i = 0; i <= LEVELS_MAX; i++) {
            sz = snprintf(out, PATH_SZ, "%s/%s%s", dir, up, name);
            if (sz >= (int)PATH_SZ || is_file(out))
                break;
            memcpy(up + 3 * i, "../", i < LEVELS_MAX ? 4 : 0);
            out[0] = 0;
        }
    }
    if (sz < 0 || sz >= (int)PATH_SZ) {
        hd_msg_set(msg, "%s: a path of less than %u bytes is expected", dir, PATH_SZ);
        return HD_ERR_LIMIT;
    }
    return HD_OK;
}

/* Reads a book unless it is the one that was read last; paths through ".." are compared as files.
 */
static int is_same_file(const char *a, const char *b) {
    struct stat x, y;
    return a && stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino;
}

static hd_err load_codes(hd_replay *r, hd_msg *msg, const char *dir) {
    char path[PATH_SZ];
    hd_json_doc *doc = NULL;
    hd_json root;
    hd_err err = book_path(path, msg, r->o.codes_path, dir, "bytecodes.json");
    if (err != HD_OK || is_same_file(r->codes_from, path))
        return err;
    free(r->codes_from);
    r->codes_from = NULL;
    hd_buf_clear(&r->codes.entries);
    if (!path[0]) /* then no account may have code */
        return HD_OK;
    err = hd_json_load(&doc, &root, msg, path, HD_BLOCK_JSON_SZ_MAX, HD_BLOCK_JSON_DEPTH_MAX);
    if (err == HD_OK)
        err = hd_code_book_read(&r->codes, msg, root);
    hd_json_close(doc);
    if (err == HD_OK)
        r->codes_from = strdup(path);
    return err == HD_OK && !r->codes_from ? HD_ERR_NOMEM : err;
}

static hd_err load_hashes(hd_replay *r, hd_msg *msg, const char *dir) {
    char path[PATH_SZ];
    hd_json_doc *doc = NULL;
    hd_json root;
    hd_err err = book_path(path, msg, r->o.hashes_path, dir, "block_hashes.json");
    if (err != HD_OK || is_same_file(r->hashes_from, path))
        return err;
    free(r->hashes_from);
    r->hashes_from = NULL;
    hd_buf_clear(&r->hashes.entries);
    if (!path[0]) /* then the parent's is the only one that is known */
        return HD_OK;
    err = hd_json_load(&doc, &root, msg, path, HD_BLOCK_JSON_SZ_MAX, HD_BLOCK_JSON_DEPTH_MAX);
    if (err == HD_OK)
        err = hd_block_hash_book_read(&r->hashes, msg, root);
    hd_json_close(doc);
    if (err == HD_OK)
        r->hashes_from = strdup(path);
    return err == HD_OK && !r->hashes_from ? HD_ERR_NOMEM : err;
}

/* ---- one block */

static hd_err load_json(hd_json_doc **doc, hd_json *root, hd_msg *msg, const char *dir,
                        const char *name) {
    char path[PATH_SZ];
    int sz = snprintf(path, sizeof path, "%s/%s", dir, name);
    if (sz < 0 || sz >= (int)sizeof path) {
        hd_msg_set(msg, "%s: a path of less than %u bytes is expected", dir, PATH_SZ);
        return HD_ERR_LIMIT;
    }
    return hd_json_load(doc, root, msg, path, HD_BLOCK_JSON_SZ_MAX, HD_BLOCK_JSON_DEPTH_MAX);
}

/* The rules of the block. Before the merge the total difficulty decides; JSON that does not tell it
   is judged by the block's own difficulty, which is zero from the merge on. */
static hd_err find_rules(hd_replay_block *b, hd_msg *msg, const hd_chain_config *config) {
    const hd_header *h = &b->json.block.header;
    hd_chain_place place = {h->number, h->timestamp, hd_u256_zero()};
    if (b->json.has_total_difficulty)
        place.parent_difficulty = hd_u256_sub(b->json.total_difficulty, h->difficulty);
    else if (hd_u256_is_zero(h->difficulty))
        place.parent_difficulty = config->terminal_difficulty;
    return hd_chain_rules_at(&b->rules, msg, config, &place);
}

hd_err hd_replay_load(hd_replay_block *b, hd_msg *msg, hd_replay *r, const char *dir) {
    hd_json_doc *doc = NULL;
    hd_json root;
    if (!b->first)
        b->first = hd_state_new();
    if (!b->state)
        b->state = hd_state_new();
    if (!b->first || !b->state)
        return HD_ERR_NOMEM;
    hd_err err = load_json(&doc, &root, msg, dir, "block.json");
    if (err == HD_OK)
        err = hd_block_json_read(&b->json, msg, root);
    hd_json_close(doc);
    if (err == HD_OK)
        err = find_rules(b, msg, &r->config);
    if (err == HD_OK)
        err = load_codes(r, msg, dir);
    if (err == HD_OK)
        err = load_hashes(r, msg, dir);
    b->hashes = &r->hashes;
    doc = NULL;
    if (err == HD_OK)
        err = load_json(&doc, &root, msg, dir, "pre_state.json");
    hd_state_reset(b->first);
    if (err == HD_OK)
        err = hd_pre_state_read(b->first, msg, root, &r->codes, b->rules.fork);
    hd_json_close(doc);
    return err;
}

void hd_replay_block_free(hd_replay_block *b) {
    hd_block_json_free(&b->json);
    hd_state_free(b->first);
    hd_state_free(b->state);
    hd_undo_free(&b->undo);
    hd_block_result_free(&b->result);
    memset(b, 0, sizeof *b);
}

static void hash_text(char out[67], const hd_hash *h) {
    (void)hd_hex_encode_0x(out, 67, h->b, sizeof h->b);
}

/* 1 when they are equal, else 0 with msg. */
static int is_hash(hd_msg *msg, const hd_hash *have, const hd_hash *want, const char *what) {
    char a[67], b[67];
    if (memcmp(have, want, sizeof *have) == 0)
        return 1;
    hash_text(a, have);
    hash_text(b, want);
    hd_msg_set(msg, "%s is %s, the block says %s", what, a, b);
    return 0;
}

static int is_tx_right(hd_msg *msg, const hd_replay_block *b, uint32_t i) {
    char what[48], have[43], want[43];
    const hd_hash *hash = (const hd_hash *)(const void *)b->json.tx_hashes.data + i;
    const hd_address *from = (const hd_address *)(const void *)b->json.senders.data + i;
    const hd_tx *tx = &hd_block_txs(&b->json.block)[i];
    snprintf(what, sizeof what, "the hash of transaction %u", i);
    if (!is_hash(msg, &hd_block_envelopes(&b->json.block)[i].hash, hash, what))
        return 0;
    if (memcmp(&tx->sender, from, sizeof *from) == 0)
        return 1;
    (void)hd_hex_encode_0x(have, sizeof have, tx->sender.b, 20);
    (void)hd_hex_encode_0x(want, sizeof want, from->b, 20);
    hd_msg_set(msg, "transaction %u was signed by %s, the block says from %s", i, have, want);
    return 0;
}

hd_err hd_replay_check(int *is_right, hd_msg *msg, hd_replay_block *b, hd_replay *r) {
    hd_block *block = &b->json.block;
    hd_hash root;
    uint64_t begin_ns = hd_clock_ns();
    *is_right = 0;
    hd_err err = hd_block_recover(&b->verdict, block, &b->rules, r->pool);
    b->result.recover_ns = hd_clock_ns() - begin_ns;
    if (err != HD_OK)
        return err;
    if (b->verdict.status != HD_BLOCK_VALID) {
        *msg = b->verdict.msg;
        return HD_OK;
    }
    if (!is_hash(msg, &block->hash, &b->json.hash, "the header's hash"))
        return HD_OK;
    err = hd_block_txs_root(&root, block);
    if (err != HD_OK || !is_hash(msg, &root, &block->header.txs_root, "the transactions root"))
        return err;
    if (block->has_withdrawals) {
        err = hd_block_withdrawals_root(&root, block);
        if (err != HD_OK ||
            !is_hash(msg, &root, &block->header.withdrawals_root, "the withdrawals root"))
            return err;
    }
    for (uint32_t i = 0; i < block->tx_cnt; i++)
        if (!is_tx_right(msg, b, i))
            return HD_OK;
    *is_right = 1;
    return HD_OK;
}

/* A hash that nobody gave is zero: a transaction that runs too early may ask for what it never
   asks for at its turn. Whether that was the case the verdict tells. */
static hd_err give_hash(void *ctx, hd_hash *out, uint32_t world_idx, uint64_t number) {
    hd_replay_block *b = ctx;
    const hd_header *h = &b->json.block.header;
    (void)world_idx;
    memset(out, 0, sizeof *out);
    __atomic_fetch_or(&b->hash_asked[number % 256 / 64], 1ull << (number % 64), __ATOMIC_RELAXED);
    if (hd_block_hash_book_find(out, b->hashes, number) == HD_OK)
        return HD_OK;
    if (number + 1 == h->number)
        *out = h->parent_hash;
    else
        __atomic_store_n(&b->hash_missing, number, __ATOMIC_RELAXED);
    return HD_OK;
}

hd_err hd_replay_run(hd_replay_block *b, hd_replay *r) {
    hd_block_exec_options options = {.exec = r->exec,
                                     .pool = r->pool,
                                     .chunk_cnt = r->o.is_serial ? 1 : 0,
                                     .ordered_flags =
                                         r->o.is_serial ? 0 : hd_cli_ordered_flags(r->o.backend),
                                     .flags = HD_BLOCK_EXEC_NO_STATE_ROOT,
                                     .blockhash = give_hash,
                                     .blockhash_ctx = b,
                                     .access = b->access,
                                     .access_ctx = b->access_ctx};
    uint64_t recover_ns = b->result.recover_ns;
    hd_undo_clear(&b->undo);
    b->hash_missing = 0;
    memset(b->hash_asked, 0, sizeof b->hash_asked);
    hd_err err = hd_state_copy(b->state, b->first);
    if (err == HD_OK)
        err = hd_block_exec(&b->result, &b->verdict, b->state, &b->undo, &b->json.block, &b->rules,
                            &options);
    b->result.recover_ns = recover_ns;
    if (err == HD_OK && b->verdict.status != HD_BLOCK_VALID && b->hash_missing) {
        size_t sz = strlen(b->verdict.msg.text);
        snprintf(b->verdict.msg.text + sz, HD_MSG_SZ - sz,
                 "; the hash of block %llu was asked for and is not given",
                 (unsigned long long)b->hash_missing);
    }
    return err;
}
