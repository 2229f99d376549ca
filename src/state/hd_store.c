/* hd_store.c - the store as a whole: making it, opening and closing it, one commit at a time. */
#define _GNU_SOURCE
#include "state/hd_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/hd_file.h"
#include "state/hd_store_internal.h"

#define LOCK_FILE "heddle.lock"
#define UNSYNCED_FILE \
    "unsynced" /* names the boot during which commits did not wait for the disk \
                */
#define CREATING_DIR "creating"
#define READERS_MAX 1024u
#define BOOT_ID_SZ 36u

const char *hd_store_db_name(uint32_t db) {
    static const char *const names[HD_STORE_DB_CNT] = {
#define HD_X(name, text) text,
        HD_STORE_DBS(HD_X)
#undef HD_X
    };
    return db < HD_STORE_DB_CNT ? names[db] : "?";
}

void hd_store_check_make(uint8_t out[HD_STORE_CHECK_SZ], uint32_t db, hd_span key, hd_span value) {
    hd_keccak k;
    uint8_t head[8], hash[32];
    /* The key's size keeps its last byte apart from the value's first. */
    hd_store_be32(head, db);
    hd_store_be32(head + 4, (uint32_t)key.sz);
    hd_keccak_init(&k);
    hd_keccak_update(&k, head, sizeof head);
    hd_keccak_update(&k, key.data, key.sz);
    hd_keccak_update(&k, value.data, value.sz);
    hd_keccak_final(&k, hash);
    memcpy(out, hash, HD_STORE_CHECK_SZ);
}

hd_err hd_store_name_record(hd_msg *msg, const char *dir, uint32_t db, hd_span key,
                            const char *text) {
    char hex[2 * HD_STORE_KEY_SZ_MAX + 1];
    size_t cnt = HD_MIN(key.sz, HD_STORE_KEY_SZ_MAX);
    for (size_t i = 0; i < cnt; i++)
        snprintf(hex + 2 * i, 3, "%02x", key.data[i]);
    hex[2 * cnt] = 0;
    if (db == HD_STORE_DB_META)
        hd_msg_set(msg, "%s/" HD_STORE_FILE ": database meta: record %.*s: %s", dir, (int)cnt,
                   (const char *)key.data, text);
    else
        hd_msg_set(msg, "%s/" HD_STORE_FILE ": database %s: record 0x%s: %s", dir,
                   hd_store_db_name(db), hex, text);
    return HD_ERR_CORRUPT;
}

hd_err hd_store_fail(hd_msg *msg, const char *dir, int rc, const char *what) {
    hd_msg_set(msg, "%s/" HD_STORE_FILE ": %s: %s", dir, what, mdb_strerror(rc));
    switch (rc) {
    case ENOMEM: return HD_ERR_NOMEM;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
    case MDB_BAD_VALSIZE: return HD_ERR_CORRUPT;
    case MDB_MAP_FULL:
    case MDB_READERS_FULL:
    case MDB_TXN_FULL: return HD_ERR_LIMIT;
    default: return HD_ERR_IO;
    }
}

/* ---- files beside the data */

static hd_err fail_errno(hd_msg *msg, const char *path) {
    int code = errno;
    hd_msg_set(msg, "%s: %s", path, strerror(code));
    return code == ENOMEM ? HD_ERR_NOMEM : code == ENOENT ? HD_ERR_ABSENT : HD_ERR_IO;
}

/* "DIR/NAME", to be freed. */
static char *path_of(const char *dir, const char *name) {
    size_t sz = strlen(dir) + strlen(name) + 2;
    char *path = (char *)malloc(sz);
    if (path)
        snprintf(path, sz, "%s/%s", dir, name);
    return path;
}

static hd_err sync_path(hd_msg *msg, const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(msg, path);
    hd_err err = fsync(fd) == 0 ? HD_OK : fail_errno(msg, path);
    close(fd);
    return err;
}

static hd_err remove_file(hd_msg *msg, const char *dir, const char *name) {
    char *path = path_of(dir, name);
    if (!path)
        return HD_ERR_NOMEM;
    hd_err err = unlink(path) == 0 || errno == ENOENT ? HD_OK : fail_errno(msg, path);
    free(path);
    return err;
}

static void read_boot_id(char out[BOOT_ID_SZ + 1]) {
    hd_buf buf;
    hd_buf_init(&buf);
    memset(out, 0, BOOT_ID_SZ + 1);
    if (hd_file_read(&buf, NULL, "/proc/sys/kernel/random/boot_id", 4096) == HD_OK)
        memcpy(out, buf.data, HD_MIN(buf.sz, BOOT_ID_SZ));
    hd_buf_free(&buf);
}

/* Says durably that from now on the file may be behind: before the first such commit. */
static hd_err unsynced_mark(hd_msg *msg, const char *dir) {
    char boot[BOOT_ID_SZ + 1];
    char *path = path_of(dir, UNSYNCED_FILE);
    if (!path)
        return HD_ERR_NOMEM;
    read_boot_id(boot);
    hd_err err = hd_file_write(msg, path, boot, strlen(boot));
    if (err == HD_OK)
        err = sync_path(msg, path);
    if (err == HD_OK)
        err = sync_path(msg, dir);
    free(path);
    return err;
}

/* 1 when commits that did not wait were under way and the machine has been started anew since. */
static int unsynced_is_lost(const char *dir) {
    char boot[BOOT_ID_SZ + 1];
    char *path = path_of(dir, UNSYNCED_FILE);
    hd_buf buf;
    int is_lost = 0;
    hd_buf_init(&buf);
    read_boot_id(boot);
    if (path && hd_file_read(&buf, NULL, path, 4096) == HD_OK)
        is_lost = buf.sz != strlen(boot) || memcmp(buf.data, boot, buf.sz) != 0;
    hd_buf_free(&buf);
    free(path);
    return is_lost;
}

/* flock, because the kernel gives it back when the process ends, however it ends. */
static hd_err lock_take(int *fd, hd_msg *msg, const char *dir, int is_shared) {
    char *path = path_of(dir, LOCK_FILE);
    if (!path)
        return HD_ERR_NOMEM;
    hd_err err = HD_OK;
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (*fd < 0) {
        err = fail_errno(msg, path);
    } else if (flock(*fd, (is_shared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) {
            hd_msg_set(msg, "%s: the store is in use by another process", dir);
            err = HD_ERR_IO;
        } else {
            err = fail_errno(msg, path);
        }
        close(*fd);
        *fd = -1;
    }
    free(path);
    return err;
}

/* ---- the environment */

static uint64_t round_up(uint64_t x, uint64_t unit) { return (x + unit - 1) / unit * unit; }

static hd_err env_open(hd_store *s, hd_msg *msg) {
    int rc = mdb_env_create(&s->env);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(s->env, HD_STORE_DB_CNT);
    if (rc == 0)
        rc = mdb_env_set_maxreaders(s->env, READERS_MAX);
    if (rc == 0)
        rc = mdb_env_set_mapsize(s->env, (size_t)s->map_sz);
    if (rc == 0) {
        unsigned flags = MDB_NOTLS | MDB_NORDAHEAD;
        if (s->flags & HD_STORE_READ_ONLY)
            flags |= MDB_RDONLY;
        if (s->flags & HD_STORE_NO_SYNC)
            flags |= MDB_NOSYNC;
        rc = mdb_env_open(s->env, s->dir, flags, 0666);
    }
    return rc == 0 ? HD_OK : hd_store_fail(msg, s->dir, rc, "opening");
}

static hd_err dbis_open(hd_store *s, hd_msg *msg, unsigned create) {
    MDB_txn *txn = NULL;
    unsigned flags = s->flags & HD_STORE_READ_ONLY ? MDB_RDONLY : 0;
    int rc = mdb_txn_begin(s->env, NULL, flags, &txn);
    for (uint32_t db = 0; db < HD_STORE_DB_CNT && rc == 0; db++)
        rc = mdb_dbi_open(txn, hd_store_db_name(db), create, &s->dbis[db]);
    if (rc != 0) {
        mdb_txn_abort(txn);
        return hd_store_fail(msg, s->dir, rc, "opening the databases");
    }
    rc = mdb_txn_commit(txn);
    return rc == 0 ? HD_OK : hd_store_fail(msg, s->dir, rc, "opening the databases");
}

static void store_free(hd_store *s) {
    if (!s)
        return;
    if (s->env)
        mdb_env_close(s->env);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    pthread_cond_destroy(&s->cond);
    pthread_mutex_destroy(&s->mutex);
    pthread_mutex_destroy(&s->commit_mutex);
    free(s->dir);
    free(s);
}

static hd_store *store_alloc(const char *dir, const hd_store_options *options) {
    hd_store *s = (hd_store *)calloc(1, sizeof *s);
    if (!s)
        return NULL;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&s->mutex, NULL);
    pthread_mutex_init(&s->commit_mutex, NULL);
    pthread_cond_init(&s->cond, &attr);
    pthread_condattr_destroy(&attr);
    s->lock_fd = -1;
    s->flags = options->flags;
    s->undo_cnt = options->undo_cnt ? options->undo_cnt : HD_STORE_UNDO_CNT;
    s->map_sz = round_up(options->map_sz ? options->map_sz : HD_STORE_MAP_SZ, 1u << 16);
    s->dir = strdup(dir);
    if (!s->dir) {
        store_free(s);
        return NULL;
    }
    return s;
}

/* What the store says of itself must be known and of the newest commit. */
static hd_err store_greet(hd_store *s, hd_msg *msg) {
    hd_store_read *r;
    hd_span value;
    hd_err err = hd_store_read_begin(&r, msg, s);
    if (err != HD_OK)
        return err;
    hd_span key = hd_store_span(HD_STORE_META_FORMAT, strlen(HD_STORE_META_FORMAT));
    err = hd_store_fetch(&value, msg, r, HD_STORE_DB_META, key);
    if (err == HD_ERR_ABSENT || (err == HD_OK && value.sz != 8))
        err = hd_store_name_record(msg, s->dir, HD_STORE_DB_META, key, "is not there");
    if (err != HD_OK)
        goto done;
    uint32_t version = hd_load_be32(value.data), flags = hd_load_be32(value.data + 4);
    if (version != HD_STORE_VERSION || (flags & ~HD_STORE_FORMAT_ARCHIVE)) {
        hd_msg_set(msg, "%s: the store has format %u with flags %u, this program knows format %u",
                   s->dir, version, flags, HD_STORE_VERSION);
        err = HD_ERR_UNSUPPORTED;
        goto done;
    }
    s->flags &= ~HD_STORE_ARCHIVE;
    if (flags & HD_STORE_FORMAT_ARCHIVE) {
        s->flags |= HD_STORE_ARCHIVE;
        s->undo_cnt = UINT32_MAX;
    }
    key = hd_store_span(HD_STORE_META_COMMIT, strlen(HD_STORE_META_COMMIT));
    err = hd_store_fetch(&value, msg, r, HD_STORE_DB_META, key);
    if (err == HD_ERR_ABSENT ||
        (err == HD_OK && (value.sz != 8 || hd_load_be64(value.data) != mdb_txn_id(r->txn))))
        err = hd_store_name_record(msg, s->dir, HD_STORE_DB_META, key,
                                   "is not of the newest commit: the file's first pages are "
                                   "damaged, or it was put together from two files");
done:
    hd_store_read_end(r);
    return err;
}

/* ---- creation */

static hd_err put_format(hd_store *s, hd_msg *msg) {
    uint8_t format[8];
    hd_store_batch *b = hd_store_batch_new();
    if (!b)
        return HD_ERR_NOMEM;
    hd_store_be32(format, HD_STORE_VERSION);
    hd_store_be32(format + 4, s->flags & HD_STORE_ARCHIVE ? HD_STORE_FORMAT_ARCHIVE : 0);
    hd_store_batch_put(b, HD_STORE_DB_META,
                       hd_store_span(HD_STORE_META_FORMAT, strlen(HD_STORE_META_FORMAT)),
                       hd_store_span(format, sizeof format));
    hd_err err = hd_store_commit(s, msg, b);
    hd_store_batch_free(b);
    return err;
}

static hd_err creating_clear(hd_msg *msg, const char *dir) {
    hd_err err = remove_file(msg, dir, HD_STORE_FILE);
    if (err == HD_OK)
        err = remove_file(msg, dir, "lock.mdb");
    return err;
}

static hd_err create_locked(hd_msg *msg, const char *dir, const hd_store_options *options,
                            hd_store_fill_fn *fill, void *ctx) {
    char *final = path_of(dir, HD_STORE_FILE), *temp = path_of(dir, CREATING_DIR), *made = NULL;
    hd_store *s = NULL;
    hd_err err = HD_ERR_NOMEM;
    if (temp)
        made = path_of(temp, HD_STORE_FILE);
    if (!final || !temp || !made)
        goto done;
    if (mkdir(temp, 0777) != 0 && errno != EEXIST) {
        err = fail_errno(msg, temp);
        goto done;
    }
    err = creating_clear(msg, temp); /* what an interrupted creation left */
    if (err != HD_OK)
        goto done;
    hd_store_options inner = *options;
    inner.flags = (options->flags & HD_STORE_ARCHIVE) | HD_STORE_NO_SYNC;
    s = store_alloc(temp, &inner);
    err = s ? env_open(s, msg) : HD_ERR_NOMEM;
    if (err == HD_OK)
        err = dbis_open(s, msg, MDB_CREATE);
    if (err == HD_OK)
        err = put_format(s, msg);
    if (err == HD_OK && fill)
        err = fill(ctx, msg, s);
    if (err == HD_OK)
        err = hd_store_sync(s, msg);
    store_free(s);
    if (err == HD_OK && rename(made, final) != 0)
        err = fail_errno(msg, final);
    creating_clear(NULL, temp);
    rmdir(temp);
    if (err == HD_OK)
        err = sync_path(msg, dir);
done:
    free(final);
    free(temp);
    free(made);
    return err;
}

static int has_data(const char *dir) {
    struct stat st;
    char *path = path_of(dir, HD_STORE_FILE);
    int is_there = path && stat(path, &st) == 0;
    free(path);
    return is_there;
}

hd_err hd_store_create(hd_msg *msg, const char *dir, const hd_store_options *options,
                       hd_store_fill_fn *fill, void *ctx) {
    int fd = -1;
    if (mkdir(dir, 0777) != 0 && errno != EEXIST)
        return fail_errno(msg, dir);
    hd_err err = lock_take(&fd, msg, dir, 0);
    if (err != HD_OK)
        return err;
    if (has_data(dir)) {
        hd_msg_set(msg, "%s: there is a store already", dir);
        err = HD_ERR_IO;
    } else {
        err = create_locked(msg, dir, options, fill, ctx);
    }
    close(fd);
    return err;
}

/* ---- opening and closing */

static hd_err open_locked(hd_store *s, hd_msg *msg) {
    int is_read_only = (s->flags & HD_STORE_READ_ONLY) != 0;
    int is_lost = unsynced_is_lost(s->dir);
    struct stat st;
    char *path = path_of(s->dir, HD_STORE_FILE);
    if (!path)
        return HD_ERR_NOMEM;
    hd_err err = stat(path, &st) == 0 ? HD_OK : fail_errno(msg, path);
    free(path);
    if (err == HD_OK)
        err = hd_store_check_file(msg, s->dir);
    if (err == HD_OK) {
        while (s->map_sz < (uint64_t)st.st_size + (1u << 20) && s->map_sz < HD_STORE_MAP_SZ_MAX)
            s->map_sz *= 2;
        /* LMDB's table of readers: nobody is in it, as we hold the lock. */
        if (!is_read_only)
            err = remove_file(msg, s->dir, "lock.mdb");
    }
    if (err == HD_OK)
        err = env_open(s, msg);
    if (err == HD_OK)
        err = dbis_open(s, msg, 0);
    if (err == HD_OK)
        err = store_greet(s, msg);
    if (err == HD_ERR_CORRUPT && is_lost && msg) {
        size_t sz = strlen(msg->text);
        snprintf(msg->text + sz, sizeof msg->text - sz,
                 " (the machine stopped while commits did not wait for the disk)");
    }
    if (err != HD_OK || is_read_only)
        return err;
    if (s->flags & HD_STORE_NO_SYNC)
        return unsynced_mark(msg, s->dir);
    /* An earlier process may have ended without its last sync. */
    err = hd_store_sync(s, msg);
    return err == HD_OK ? remove_file(msg, s->dir, UNSYNCED_FILE) : err;
}

hd_err hd_store_open(hd_store **out, hd_msg *msg, const char *dir,
                     const hd_store_options *options) {
    *out = NULL;
    int is_read_only = (options->flags & HD_STORE_READ_ONLY) != 0;
    if (!has_data(dir)) {
        if (is_read_only || !(options->flags & HD_STORE_CREATE)) {
            hd_msg_set(msg, "%s: no store is there (" HD_STORE_FILE ")", dir);
            return HD_ERR_ABSENT;
        }
        hd_err err = hd_store_create(msg, dir, options, NULL, NULL);
        if (err != HD_OK)
            return err;
    }
    hd_store *s = store_alloc(dir, options);
    if (!s)
        return HD_ERR_NOMEM;
    hd_err err = lock_take(&s->lock_fd, msg, dir, is_read_only);
    if (err == HD_OK)
        err = open_locked(s, msg);
    if (err != HD_OK) {
        store_free(s);
        return err;
    }
    *out = s;
    return HD_OK;
}

hd_err hd_store_sync(hd_store *s, hd_msg *msg) {
    int rc = mdb_env_sync(s->env, 1);
    return rc == 0 ? HD_OK : hd_store_fail(msg, s->dir, rc, "syncing");
}

hd_err hd_store_close(hd_store *s, hd_msg *msg) {
    if (!s)
        return HD_OK;
    HD_ASSERT(s->reader_cnt == 0);
    hd_err err = HD_OK;
    if (!(s->flags & HD_STORE_READ_ONLY) && (s->flags & HD_STORE_NO_SYNC)) {
        err = hd_store_sync(s, msg);
        if (err == HD_OK)
            err = remove_file(msg, s->dir, UNSYNCED_FILE);
    }
    store_free(s);
    return err;
}

int hd_store_is_archive(const hd_store *s) { return (s->flags & HD_STORE_ARCHIVE) != 0; }

/* ---- views */

hd_err hd_store_read_begin(hd_store_read **out, hd_msg *msg, hd_store *s) {
    *out = NULL;
    hd_store_read *r = (hd_store_read *)malloc(sizeof *r);
    if (!r)
        return HD_ERR_NOMEM;
    pthread_mutex_lock(&s->mutex);
    while (s->is_growing)
        pthread_cond_wait(&s->cond, &s->mutex);
    s->reader_cnt++;
    pthread_mutex_unlock(&s->mutex);
    r->store = s;
    int rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &r->txn);
    if (rc != 0) {
        r->txn = NULL;
        hd_store_read_end(r);
        return hd_store_fail(msg, s->dir, rc, "beginning to read");
    }
    *out = r;
    return HD_OK;
}

void hd_store_read_end(hd_store_read *r) {
    if (!r)
        return;
    hd_store *s = r->store;
    mdb_txn_abort(r->txn);
    free(r);
    pthread_mutex_lock(&s->mutex);
    s->reader_cnt--;
    if (s->reader_cnt == 0)
        pthread_cond_broadcast(&s->cond);
    pthread_mutex_unlock(&s->mutex);
}

/* Doubles the map, which moves: no view may be open. */
hd_err hd_store_grow(hd_store *s, hd_msg *msg) {
    struct timespec until;
    hd_err err = HD_OK;
    if (s->map_sz * 2 > HD_STORE_MAP_SZ_MAX) {
        hd_msg_set(msg, "%s: the store has reached its largest size", s->dir);
        return HD_ERR_LIMIT;
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += HD_STORE_GROW_WAIT_S;
    pthread_mutex_lock(&s->mutex);
    s->is_growing = 1;
    int rc = 0;
    while (s->reader_cnt && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&s->cond, &s->mutex, &until);
    if (s->reader_cnt) {
        hd_msg_set(msg, "%s: %u reads are open, so that the store cannot grow", s->dir,
                   s->reader_cnt);
        err = HD_ERR_LIMIT;
    } else {
        rc = mdb_env_set_mapsize(s->env, (size_t)(s->map_sz * 2));
        if (rc == 0)
            s->map_sz *= 2;
        else
            err = hd_store_fail(msg, s->dir, rc, "growing");
    }
    s->is_growing = 0;
    pthread_cond_broadcast(&s->cond);
    pthread_mutex_unlock(&s->mutex);
    return err;
}
