/* hd_store_check.c - reads LMDB's file page by page and refuses what is damaged.

   LMDB follows page numbers, offsets and sizes in its file without question, through a memory map.
   Here the same structure is walked with ordinary reads in which every one of them is bounded
   first, so that damage ends in a message and not in a fault: both meta pages; the tree of free
   pages and the main tree, which holds the databases; each database's tree: page numbers, kinds,
   depths, node offsets and sizes, the order of all keys and the separators above them, the counts
   that LMDB keeps, each record's checksum. No page may be used twice or be both used and free. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/hd_store_internal.h"

/* LMDB's data format 1, as every 0.9 writes it. Numbers are in the machine's own order. */
#define LMDB_MAGIC 0xBEEFC0DEu
#define LMDB_VERSION 1u
#define PAGE_HEAD_SZ 16u
#define NODE_HEAD_SZ 8u
#define TREE_SZ 48u
#define PAGE_SZ_MIN 512u
#define PAGE_SZ_MAX 32768u
#define DEPTH_MAX 32u
#define LMDB_KEY_SZ_MAX 511u
#define NO_PAGE UINT64_MAX
#define PAGE_BRANCH 1u
#define PAGE_LEAF 2u
#define PAGE_OVERFLOW 4u
#define PAGE_META 8u
#define NODE_BIG 1u  /* the value is the number of an overflow page */
#define NODE_TREE 2u /* the value is a tree */
#define TREE_INTEGER_KEY 8u
/* Pages that were freed in the transaction that took them may lie behind the file's end. LMDB keeps
   at most 2^17 changed pages in memory. */
#define PAGES_BEHIND_MAX (1u << 18)

/* How LMDB describes a tree. */
typedef struct {
    uint32_t pad; /* of the free tree: the size of a page */
    uint16_t flags;
    uint16_t depth;
    uint64_t branch_cnt;
    uint64_t leaf_cnt;
    uint64_t overflow_cnt;
    uint64_t entry_cnt;
    uint64_t root;
} tree;

HD_STATIC_ASSERT(sizeof(tree) == TREE_SZ && sizeof(size_t) == 8, "LMDB's format on 64 bits");

typedef struct {
    uint64_t pgno;
    uint16_t pad;
    uint16_t flags;
    uint16_t lower; /* an overflow page has a count of pages here and in upper */
    uint16_t upper;
} page_head;

HD_STATIC_ASSERT(sizeof(page_head) == PAGE_HEAD_SZ, "no padding");

typedef struct {
    uint16_t lo;
    uint16_t hi;
    uint16_t flags;
    uint16_t key_sz;
} node_head;

typedef struct {
    uint32_t magic;
    uint32_t version;
    uint64_t address;
    uint64_t map_sz;
    tree trees[2]; /* free pages, databases */
    uint64_t last_pgno;
    uint64_t txn_id;
} meta;

typedef struct {
    int fd;
    const char *dir;
    hd_msg *msg;
    uint64_t file_sz;
    uint32_t page_sz;
    uint64_t page_cnt; /* of the file */
    uint64_t last_pgno;
    uint64_t txn_id;
    uint8_t *is_used; /* a bit a page */
    uint8_t *is_free;
    uint8_t *pages; /* DEPTH_MAX of them: the path from the root */
    hd_buf big;     /* a value on overflow pages */
} checker;

/* The tree that is being walked. */
typedef struct {
    const char *name;
    uint32_t db; /* HD_STORE_DB_..., or one of these: */
    uint32_t found_dbs;
    tree trees[HD_STORE_DB_CNT]; /* of the main tree's records */
    /* The next key must be above this, or equal where is_inclusive (it was a separator). */
    uint8_t last[LMDB_KEY_SZ_MAX];
    uint32_t last_sz;
    uint32_t has_last;
    uint32_t is_inclusive;
    uint64_t branch_cnt, leaf_cnt, overflow_cnt, entry_cnt;
} walk;
#define DB_FREE 100u
#define DB_MAIN 101u

static hd_err bad_page(const checker *c, const walk *w, uint64_t pgno, const char *text) {
    hd_msg_set(c->msg, "%s/" HD_STORE_FILE ": page %llu: database %s: %s", c->dir,
               (unsigned long long)pgno, w->name, text);
    return HD_ERR_CORRUPT;
}

static hd_err bad_file(const checker *c, const char *text) {
    hd_msg_set(c->msg, "%s/" HD_STORE_FILE ": %s", c->dir, text);
    return HD_ERR_CORRUPT;
}

static hd_err read_at(const checker *c, void *out, size_t sz, uint64_t off) {
    size_t done = 0;
    while (done < sz) {
        ssize_t got = pread(c->fd, (uint8_t *)out + done, sz - done, (off_t)(off + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            hd_msg_set(c->msg, "%s/" HD_STORE_FILE ": at byte %llu: %s", c->dir,
                       (unsigned long long)(off + done), strerror(errno));
            return HD_ERR_IO;
        }
        if (got == 0)
            return bad_file(c, "ends while it is being read");
        done += (size_t)got;
    }
    return HD_OK;
}

/* Takes pages [pgno, pgno + cnt) for a tree: they must be in the file and taken by nobody. */
static hd_err take_pages(checker *c, const walk *w, uint64_t pgno, uint64_t cnt) {
    if (pgno < 2 || pgno > c->last_pgno || cnt > c->last_pgno - pgno + 1)
        return bad_page(c, w, pgno, "is named by the page above, but there is no such page");
    if (pgno + cnt > c->page_cnt)
        return bad_page(c, w, pgno, "lies behind the file's end: the file is truncated");
    for (uint64_t p = pgno; p < pgno + cnt; p++) {
        if (c->is_used[p / 8] >> (p % 8) & 1)
            return bad_page(c, w, p, "is used twice");
        c->is_used[p / 8] |= (uint8_t)(1u << (p % 8));
    }
    return HD_OK;
}

/* ---- meta pages */

static hd_err check_tree(const checker *c, const tree *t, const char *name, uint16_t flags) {
    walk w = {.name = name};
    if (t->flags != flags)
        return bad_page(c, &w, t->root, "the tree has wrong flags");
    if ((t->root == NO_PAGE) != (t->depth == 0) || t->depth > DEPTH_MAX)
        return bad_page(c, &w, t->root, "the tree has a wrong depth");
    return HD_OK;
}

static hd_err read_meta(const checker *c, meta *out, uint32_t idx, uint32_t page_sz) {
    uint8_t raw[PAGE_HEAD_SZ + sizeof(meta)];
    page_head head;
    walk w = {.name = "meta page"};
    hd_err err = read_at(c, raw, sizeof raw, (uint64_t)idx * page_sz);
    if (err != HD_OK)
        return err;
    memcpy(&head, raw, sizeof head);
    memcpy(out, raw + PAGE_HEAD_SZ, sizeof *out);
    if (head.pgno != idx || head.flags != PAGE_META)
        return bad_page(c, &w, idx, "is no meta page");
    if (out->magic != LMDB_MAGIC || out->version != LMDB_VERSION)
        return bad_page(c, &w, idx, "is not of an LMDB file of format 1");
    if (out->address)
        return bad_page(c, &w, idx, "asks for a fixed place in memory");
    err = check_tree(c, &out->trees[0], "free pages", TREE_INTEGER_KEY);
    return err == HD_OK ? check_tree(c, &out->trees[1], "main", 0) : err;
}

/* LMDB writes its meta pages in turns, the one with the transaction's lowest bit. So the two stand
   one transaction apart: anything else is a number that changed. */
static hd_err read_metas(checker *c, meta *newest) {
    meta metas[2];
    if (c->file_sz < 2 * (uint64_t)PAGE_SZ_MIN)
        return bad_file(c, "is too short for a store: the file is truncated");
    /* The second page's place hangs on the size of a page, which the first says. */
    hd_err err = read_meta(c, &metas[0], 0, 0);
    if (err != HD_OK)
        return err;
    uint32_t page_sz = metas[0].trees[0].pad;
    if (page_sz < PAGE_SZ_MIN || page_sz > PAGE_SZ_MAX || (page_sz & (page_sz - 1)))
        return bad_file(c, "page 0: meta page: the size of a page is none");
    if (c->file_sz < 2 * (uint64_t)page_sz)
        return bad_file(c, "is too short for a store: the file is truncated");
    err = read_meta(c, &metas[1], 1, page_sz);
    if (err != HD_OK)
        return err;
    if (metas[1].trees[0].pad != page_sz)
        return bad_file(c, "page 1: meta page: the size of a page is not page 0's");
    uint64_t a = metas[0].txn_id, b = metas[1].txn_id;
    if ((a & 1) != 0 || (b & 1) != (b != 0) || (a > b ? a - b : b - a) > 1)
        return bad_file(c, "pages 0 and 1: meta page: the transactions do not follow each other");
    *newest = metas[a > b ? 0 : 1];
    c->page_sz = page_sz;
    c->page_cnt = c->file_sz / page_sz;
    c->last_pgno = newest->last_pgno;
    c->txn_id = newest->txn_id;
    if (newest->last_pgno < 1 || newest->last_pgno >= c->page_cnt + PAGES_BEHIND_MAX)
        return bad_file(c, "has fewer pages than its meta page says: the file is truncated");
    return HD_OK;
}

/* ---- keys */

static int key_compare(const walk *w, const uint8_t *key, uint32_t key_sz) {
    if (w->db == DB_FREE) {
        uint64_t a, b;
        memcpy(&a, key, 8);
        memcpy(&b, w->last, 8);
        return a < b ? -1 : a > b;
    }
    int d = memcmp(key, w->last, HD_MIN(key_sz, w->last_sz));
    return d ? d : (key_sz > w->last_sz) - (key_sz < w->last_sz);
}

static hd_err next_key(const checker *c, walk *w, uint64_t pgno, const uint8_t *key,
                       uint32_t key_sz, uint32_t is_separator) {
    if (key_sz == 0 || key_sz > LMDB_KEY_SZ_MAX || (w->db == DB_FREE && key_sz != 8))
        return bad_page(c, w, pgno, "a key has a wrong size");
    if (w->has_last) {
        int d = key_compare(w, key, key_sz);
        if (d < 0 || (d == 0 && !w->is_inclusive))
            return bad_page(c, w, pgno, "the keys are out of order");
    }
    memcpy(w->last, key, key_sz);
    w->last_sz = key_sz;
    w->has_last = 1;
    w->is_inclusive = is_separator;
    return HD_OK;
}

/* ---- pages */

typedef struct {
    node_head head;
    const uint8_t *key;
    const uint8_t *data;
    uint32_t room; /* bytes from data to the page's end */
} node;

static hd_err read_node(node *out, const checker *c, const walk *w, const uint8_t *page,
                        uint64_t pgno, uint32_t idx) {
    uint16_t off;
    page_head head;
    memcpy(&head, page, sizeof head);
    memcpy(&off, page + PAGE_HEAD_SZ + 2 * idx, sizeof off);
    if (off < head.upper || off > c->page_sz - NODE_HEAD_SZ || (off & 1))
        return bad_page(c, w, pgno, "a node lies outside the page");
    memcpy(&out->head, page + off, sizeof out->head);
    uint32_t room = c->page_sz - off - NODE_HEAD_SZ;
    if (out->head.key_sz > room)
        return bad_page(c, w, pgno, "a key lies outside the page");
    out->key = page + off + NODE_HEAD_SZ;
    out->data = out->key + out->head.key_sz;
    out->room = room - out->head.key_sz;
    return HD_OK;
}

/* The nodes must fill the page from its upper bound to its end, without gaps and without sharing a
   byte: LMDB moves them by these sizes. */
static hd_err check_layout(const checker *c, const walk *w, const uint8_t *page, uint64_t pgno,
                           uint32_t node_cnt, uint32_t is_leaf) {
    uint8_t is_start[PAGE_SZ_MAX / 2 / 8 + 1];
    page_head head;
    uint32_t sum = 0, least = c->page_sz;
    memcpy(&head, page, sizeof head);
    memset(is_start, 0, sizeof is_start);
    for (uint32_t turn = 0; turn < 2; turn++)
        for (uint32_t i = 0; i < node_cnt; i++) {
            node n;
            hd_err err = read_node(&n, c, w, page, pgno, i);
            if (err != HD_OK)
                return err;
            uint64_t sz = NODE_HEAD_SZ + (uint64_t)n.head.key_sz;
            if (is_leaf && (n.head.flags & NODE_BIG))
                sz += sizeof(uint64_t);
            else if (is_leaf)
                sz += (uint64_t)n.head.lo | (uint64_t)n.head.hi << 16;
            sz = (sz + 1) & ~1ull;
            uint32_t off = (uint32_t)(n.key - page) - NODE_HEAD_SZ, half = off / 2;
            if (sz > c->page_sz - off)
                return bad_page(c, w, pgno, "a record lies outside the page");
            uint32_t end = off + (uint32_t)sz;
            if (turn == 0) {
                if (is_start[half / 8] >> (half % 8) & 1)
                    return bad_page(c, w, pgno, "two nodes lie in one place");
                is_start[half / 8] |= (uint8_t)(1u << (half % 8));
                sum += (uint32_t)sz; /* at most page_sz / 2 nodes of page_sz bytes: below 2^32 */
                least = HD_MIN(least, off);
            } else if (end < c->page_sz && !(is_start[end / 16] >> (end / 2 % 8) & 1)) {
                return bad_page(c, w, pgno, "two nodes overlap");
            }
        }
    if (least != head.upper || sum != c->page_sz - head.upper)
        return bad_page(c, w, pgno, "its nodes do not fill it");
    return HD_OK;
}

/* Reads page pgno into level depth of the path. */
static hd_err read_page(uint32_t *node_cnt, uint32_t *is_leaf, checker *c, walk *w, uint64_t pgno,
                        uint32_t depth, uint32_t tree_depth) {
    uint8_t *page = c->pages + (size_t)depth * c->page_sz;
    page_head head;
    hd_err err = take_pages(c, w, pgno, 1);
    if (err == HD_OK)
        err = read_at(c, page, c->page_sz, pgno * c->page_sz);
    if (err != HD_OK)
        return err;
    memcpy(&head, page, sizeof head);
    if (head.pgno != pgno)
        return bad_page(c, w, pgno, "carries the number of another page");
    if (head.flags != (depth + 1 == tree_depth ? PAGE_LEAF : PAGE_BRANCH))
        return bad_page(c, w, pgno, "is not of the kind that the tree's depth says");
    if (head.lower < PAGE_HEAD_SZ || (head.lower & 1) || head.lower > head.upper ||
        head.upper > c->page_sz)
        return bad_page(c, w, pgno, "its bounds are wrong");
    *node_cnt = (head.lower - PAGE_HEAD_SZ) / 2u;
    *is_leaf = head.flags == PAGE_LEAF;
    if (*node_cnt < (*is_leaf ? 1u : 2u))
        return bad_page(c, w, pgno, "holds too few keys");
    if (*is_leaf)
        w->leaf_cnt++;
    else
        w->branch_cnt++;
    return check_layout(c, w, page, pgno, *node_cnt, *is_leaf);
}

/* The value of a leaf's node: in the page, or on overflow pages. */
static hd_err read_value(hd_span *out, checker *c, walk *w, uint64_t pgno, const node *n) {
    uint64_t sz = (uint64_t)n->head.lo | (uint64_t)n->head.hi << 16, at;
    page_head head;
    if (!(n->head.flags & NODE_BIG)) {
        if (sz > n->room)
            return bad_page(c, w, pgno, "a record lies outside the page");
        *out = hd_store_span(n->data, (size_t)sz);
        return HD_OK;
    }
    if (n->room < sizeof at)
        return bad_page(c, w, pgno, "a record lies outside the page");
    memcpy(&at, n->data, sizeof at);
    hd_err err = take_pages(c, w, at, 1);
    if (err == HD_OK)
        err = read_at(c, &head, sizeof head, at * c->page_sz);
    if (err != HD_OK)
        return err;
    uint64_t cnt = (uint64_t)head.lower | (uint64_t)head.upper << 16;
    if (head.pgno != at || head.flags != PAGE_OVERFLOW || cnt == 0 ||
        cnt * c->page_sz < PAGE_HEAD_SZ + sz)
        return bad_page(c, w, at, "is not the overflow page that its record needs");
    if (cnt > 1)
        err = take_pages(c, w, at + 1, cnt - 1);
    w->overflow_cnt += cnt;
    hd_buf_clear(&c->big);
    if (err == HD_OK)
        err = hd_buf_reserve(&c->big, (size_t)sz);
    if (err == HD_OK)
        err = read_at(c, c->big.data, (size_t)sz, at * c->page_sz + PAGE_HEAD_SZ);
    *out = hd_store_span(c->big.data, (size_t)sz);
    return err;
}

/* ---- records */

/* A list of free pages: their count, then their numbers, descending. */
static hd_err check_free(checker *c, walk *w, uint64_t pgno, const node *n, hd_span value) {
    uint64_t id, cnt, page, above = UINT64_MAX;
    memcpy(&id, n->key, sizeof id);
    if (id == 0 || id > c->txn_id)
        return bad_page(c, w, pgno, "is of a transaction that has not been");
    if (value.sz < 8 || value.sz % 8)
        return bad_page(c, w, pgno, "a list of free pages has a wrong size");
    memcpy(&cnt, value.data, sizeof cnt);
    if (cnt > value.sz / 8 - 1)
        return bad_page(c, w, pgno, "a list of free pages has a wrong size");
    for (uint64_t i = 0; i < cnt; i++) {
        memcpy(&page, value.data + 8 + 8 * i, sizeof page);
        if (page >= above || page < 2 || page > c->last_pgno)
            return bad_page(c, w, pgno, "a list of free pages is out of order");
        if (c->is_free[page / 8] >> (page % 8) & 1)
            return bad_page(c, w, page, "is free twice");
        c->is_free[page / 8] |= (uint8_t)(1u << (page % 8));
        above = page;
    }
    return HD_OK;
}

static hd_err check_db(checker *c, walk *w, uint64_t pgno, const node *n, hd_span value) {
    for (uint32_t db = 0; db < HD_STORE_DB_CNT; db++) {
        const char *name = hd_store_db_name(db);
        if (strlen(name) != n->head.key_sz || memcmp(name, n->key, n->head.key_sz) != 0)
            continue;
        if (n->head.flags != NODE_TREE || value.sz != TREE_SZ)
            return bad_page(c, w, pgno, "a record is no database");
        memcpy(&w->trees[db], value.data, TREE_SZ);
        w->found_dbs |= 1u << db;
        if (w->trees[db].pad)
            return bad_page(c, w, pgno, "a database has wrong flags");
        return check_tree(c, &w->trees[db], name, 0);
    }
    return bad_page(c, w, pgno, "holds a database that does not belong to a store");
}

static hd_err check_record(checker *c, walk *w, uint64_t pgno, const node *n) {
    hd_span value, key = hd_store_span(n->key, n->head.key_sz);
    hd_err err = next_key(c, w, pgno, n->key, n->head.key_sz, 0);
    if (err != HD_OK)
        return err;
    if (n->head.flags & ~(w->db == DB_MAIN ? NODE_TREE : NODE_BIG))
        return bad_page(c, w, pgno, "a record has wrong flags");
    err = read_value(&value, c, w, pgno, n);
    if (err != HD_OK)
        return err;
    w->entry_cnt++;
    if (w->db == DB_FREE)
        return check_free(c, w, pgno, n, value);
    if (w->db == DB_MAIN)
        return check_db(c, w, pgno, n, value);
    uint8_t check[HD_STORE_CHECK_SZ];
    const char *fault = NULL;
    if (value.sz < HD_STORE_CHECK_SZ) {
        fault = "is too short";
    } else {
        hd_span body = hd_store_span(value.data, value.sz - HD_STORE_CHECK_SZ);
        hd_store_check_make(check, w->db, key, body);
        if (memcmp(check, body.data + body.sz, sizeof check) != 0)
            fault = "the checksum does not match";
    }
    if (!fault)
        return HD_OK;
    hd_store_name_record(c->msg, c->dir, w->db, key, fault);
    hd_msg_prefix(c->msg, "page %llu of ", (unsigned long long)pgno);
    return HD_ERR_CORRUPT;
}

/* ---- trees */

static hd_err check_counts(const checker *c, const walk *w, const tree *t) {
    if (w->branch_cnt == t->branch_cnt && w->leaf_cnt == t->leaf_cnt &&
        w->overflow_cnt == t->overflow_cnt && w->entry_cnt == t->entry_cnt)
        return HD_OK;
    return bad_page(c, w, t->root, "the tree does not hold as many pages and records as it says");
}

/* Walks a tree in the order of its keys, with the path from the root in c->pages. */
static hd_err check_walk(checker *c, walk *w, const tree *t) {
    struct {
        uint64_t pgno;
        uint32_t idx, cnt;
    } path[DEPTH_MAX];
    if (t->root == NO_PAGE)
        return check_counts(c, w, t);
    uint32_t depth = 0, is_leaf = 0;
    memset(path, 0, sizeof path);
    path[0].pgno = t->root;
    hd_err err = read_page(&path[0].cnt, &is_leaf, c, w, t->root, 0, t->depth);
    /* Ends: every page is taken once at most, and every turn takes one or advances an index. */
    while (err == HD_OK) {
        uint8_t *page = c->pages + (size_t)depth * c->page_sz;
        uint64_t pgno = path[depth].pgno;
        node n;
        for (; is_leaf && path[depth].idx < path[depth].cnt && err == HD_OK; path[depth].idx++) {
            err = read_node(&n, c, w, page, pgno, path[depth].idx);
            if (err == HD_OK)
                err = check_record(c, w, pgno, &n);
        }
        if (err != HD_OK)
            break;
        if (path[depth].idx == path[depth].cnt) {
            if (depth == 0)
                return check_counts(c, w, t);
            depth--;
            is_leaf = 0;
            continue;
        }
        err = read_node(&n, c, w, page, pgno, path[depth].idx);
        /* The first key of a branch stands for everything below the second. */
        if (err == HD_OK && path[depth].idx)
            err = next_key(c, w, pgno, n.key, n.head.key_sz, 1);
        if (err != HD_OK)
            break;
        path[depth].idx++;
        depth++;
        path[depth].pgno =
            (uint64_t)n.head.lo | (uint64_t)n.head.hi << 16 | (uint64_t)n.head.flags << 32;
        path[depth].idx = 0;
        err = read_page(&path[depth].cnt, &is_leaf, c, w, path[depth].pgno, depth, t->depth);
    }
    return err;
}

static hd_err check_all(checker *c, const meta *m) {
    walk *w = (walk *)calloc(1, sizeof *w), *main_walk = (walk *)calloc(1, sizeof *main_walk);
    hd_err err = HD_ERR_NOMEM;
    if (!w || !main_walk)
        goto done;
    w->name = "free pages";
    w->db = DB_FREE;
    err = check_walk(c, w, &m->trees[0]);
    if (err != HD_OK)
        goto done;
    main_walk->name = "main";
    main_walk->db = DB_MAIN;
    err = check_walk(c, main_walk, &m->trees[1]);
    for (uint32_t db = 0; db < HD_STORE_DB_CNT && err == HD_OK; db++) {
        memset(w, 0, sizeof *w);
        w->name = hd_store_db_name(db);
        w->db = db;
        if (main_walk->found_dbs >> db & 1)
            err = check_walk(c, w, &main_walk->trees[db]);
        else
            err = bad_page(c, w, m->trees[1].root, "is not there");
    }
    for (uint64_t p = 0; p <= c->last_pgno / 8 && err == HD_OK; p++)
        if (c->is_used[p] & c->is_free[p]) {
            w->name = "free pages";
            err = bad_page(c, w, 8 * p, "or one of the 7 after it is free and in use");
        }
done:
    free(w);
    free(main_walk);
    return err;
}

hd_err hd_store_check_file(hd_msg *msg, const char *dir) {
    checker c;
    meta m;
    struct stat st;
    memset(&c, 0, sizeof c);
    c.dir = dir;
    c.msg = msg;
    size_t path_sz = strlen(dir) + sizeof HD_STORE_FILE + 1;
    char *path = (char *)malloc(path_sz);
    if (!path)
        return HD_ERR_NOMEM;
    snprintf(path, path_sz, "%s/" HD_STORE_FILE, dir);
    c.fd = open(path, O_RDONLY | O_CLOEXEC);
    hd_err err = HD_OK;
    if (c.fd < 0 || fstat(c.fd, &st) != 0) {
        err = errno == ENOENT ? HD_ERR_ABSENT : HD_ERR_IO;
        hd_msg_set(msg, "%s: %s", path, strerror(errno));
        goto done;
    }
    c.file_sz = (uint64_t)st.st_size;
    posix_fadvise(c.fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    err = read_metas(&c, &m);
    if (err != HD_OK)
        goto done;
    c.is_used = (uint8_t *)calloc(1, (size_t)(c.last_pgno / 8 + 1));
    c.is_free = (uint8_t *)calloc(1, (size_t)(c.last_pgno / 8 + 1));
    c.pages = (uint8_t *)malloc((size_t)c.page_sz * DEPTH_MAX);
    err = c.is_used && c.is_free && c.pages ? check_all(&c, &m) : HD_ERR_NOMEM;
done:
    if (c.fd >= 0)
        close(c.fd);
    hd_buf_free(&c.big);
    free(c.is_used);
    free(c.is_free);
    free(c.pages);
    free(path);
    return err;
}
