/* hd_file.c - whole files and sorted folders, bounded. */
#define _GNU_SOURCE
#include "base/hd_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_STEP ((size_t)1 << 16)

static hd_err refuse_errno(hd_msg *msg, const char *path) {
    int code = errno;
    hd_msg_set(msg, "%s: %s", path, strerror(code));
    if (code == ENOENT || code == ENOTDIR)
        return HD_ERR_ABSENT;
    return code == ENOMEM ? HD_ERR_NOMEM : HD_ERR_IO;
}

hd_err hd_file_read(hd_buf *out, hd_msg *msg, const char *path, uint64_t sz_max) {
    int is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return refuse_errno(msg, path);
    hd_err err = HD_OK;
    uint64_t total_sz = 0;
    struct stat st;
    if (fstat(fd, &st) != 0) {
        err = refuse_errno(msg, path);
        goto done;
    }
    if (S_ISDIR(st.st_mode)) {
        hd_msg_set(msg, "%s: is a folder, a file is expected", path);
        err = HD_ERR_IO;
        goto done;
    }
    if (S_ISREG(st.st_mode) && st.st_size > 0 && (uint64_t)st.st_size <= sz_max)
        hd_buf_reserve(out, (size_t)st.st_size + 1);
    /* The size above is only a hint: pipes have none and files may grow meanwhile. */
    for (;;) {
        if (out->cap == out->sz && hd_buf_reserve(out, READ_STEP) != HD_OK)
            break;
        size_t room = out->cap - out->sz;
        ssize_t got = read(fd, out->data + out->sz, HD_MIN(room, (size_t)1 << 30));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            err = refuse_errno(msg, path);
            goto done;
        }
        if (got == 0)
            break;
        out->sz += (size_t)got;
        total_sz += (uint64_t)got;
        if (total_sz > sz_max) {
            hd_msg_set(msg, "%s: is longer than %llu bytes", path, (unsigned long long)sz_max);
            err = HD_ERR_LIMIT;
            goto done;
        }
    }
    err = out->err;
    if (err != HD_OK)
        hd_msg_set(msg, "%s: %s", path, hd_err_name(err));
done:
    if (!is_stdin)
        close(fd);
    return err;
}

hd_err hd_file_write(hd_msg *msg, const char *path, const void *data, size_t sz) {
    const uint8_t *pos = data;
    hd_buf name;
    hd_buf_init(&name);
    hd_buf_printf(&name, "%s.XXXXXX", path);
    char *temp = (char *)(uintptr_t)hd_buf_str(&name);
    if (name.err != HD_OK) {
        hd_err err = name.err;
        hd_buf_free(&name);
        return err;
    }
    hd_err err = HD_OK;
    int fd = mkostemp(temp, O_CLOEXEC);
    if (fd < 0) {
        err = refuse_errno(msg, path);
        hd_buf_free(&name);
        return err;
    }
    while (sz) {
        ssize_t put = write(fd, pos, HD_MIN(sz, (size_t)1 << 30));
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0) {
            err = refuse_errno(msg, path);
            break;
        }
        pos += put;
        sz -= (size_t)put;
    }
    /* mkostemp makes files that only the owner reads; results are ordinary files. */
    mode_t mask = umask(0);
    umask(mask);
    if (err == HD_OK && fchmod(fd, 0666 & ~mask) != 0)
        err = refuse_errno(msg, path);
    if (close(fd) != 0 && err == HD_OK)
        err = refuse_errno(msg, path);
    if (err == HD_OK && rename(temp, path) != 0)
        err = refuse_errno(msg, path);
    if (err != HD_OK)
        unlink(temp);
    hd_buf_free(&name);
    return err;
}

int hd_file_is_folder(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Appends a copy of path to a growing list of strings. */
static hd_err list_add(hd_file_list *list, size_t *cap, const char *path) {
    if (list->path_cnt >= HD_FILE_CNT_MAX)
        return HD_ERR_LIMIT;
    if (list->path_cnt == *cap) {
        size_t more = *cap ? 2 * *cap : 64;
        char **paths = realloc(list->paths, more * sizeof *paths);
        if (!paths)
            return HD_ERR_NOMEM;
        list->paths = paths;
        *cap = more;
    }
    char *copy = strdup(path);
    if (!copy)
        return HD_ERR_NOMEM;
    list->paths[list->path_cnt++] = copy;
    return HD_OK;
}

static int has_suffix(const char *name, const char *suffix) {
    size_t name_sz = strlen(name), suffix_sz = suffix ? strlen(suffix) : 0;
    return name_sz >= suffix_sz &&
           memcmp(name + name_sz - suffix_sz, suffix ? suffix : "", suffix_sz) == 0;
}

/* Lists one folder: files to files, folders to folders. */
static hd_err read_folder(hd_file_list *files, size_t *file_cap, hd_file_list *folders,
                          size_t *folder_cap, hd_msg *msg, const char *path, const char *suffix) {
    DIR *dir = opendir(path);
    if (!dir)
        return refuse_errno(msg, path);
    hd_err err = HD_OK;
    hd_buf full;
    hd_buf_init(&full);
    while (err == HD_OK) {
        errno = 0;
        struct dirent *entry = readdir(dir);
        if (!entry) {
            if (errno)
                err = refuse_errno(msg, path);
            break;
        }
        if (entry->d_name[0] == '.')
            continue;
        hd_buf_clear(&full);
        size_t path_sz = strlen(path);
        hd_buf_append(&full, path, path_sz);
        if (path_sz == 0 || path[path_sz - 1] != '/')
            hd_buf_append_byte(&full, '/');
        hd_buf_append_str(&full, entry->d_name);
        const char *name = hd_buf_str(&full);
        struct stat st;
        if (full.err != HD_OK)
            err = full.err;
        else if (lstat(name, &st) != 0)
            err = refuse_errno(msg, name);
        else if (S_ISDIR(st.st_mode))
            err = list_add(folders, folder_cap, name);
        else if (has_suffix(name, suffix) && stat(name, &st) == 0 && S_ISREG(st.st_mode))
            err = list_add(files, file_cap, name);
    }
    hd_buf_free(&full);
    closedir(dir);
    return err;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

hd_err hd_file_walk(hd_file_list *out, hd_msg *msg, const char *path, const char *suffix) {
    memset(out, 0, sizeof *out);
    hd_msg_set(msg, "%s", ""); /* so that the end knows whether somebody gave a reason */
    size_t file_cap = 0;
    struct stat st;
    if (stat(path, &st) != 0)
        return refuse_errno(msg, path);
    if (!S_ISDIR(st.st_mode))
        return list_add(out, &file_cap, path);

    /* Level by level; level holds the folders at this depth. */
    hd_file_list level = {0}, next = {0};
    size_t level_cap = 0, next_cap = 0;
    hd_err err = list_add(&level, &level_cap, path);
    for (uint32_t depth = 0; err == HD_OK && level.path_cnt; depth++) {
        if (depth > HD_FILE_DEPTH_MAX) {
            err = HD_ERR_LIMIT;
            break;
        }
        for (size_t i = 0; i < level.path_cnt && err == HD_OK; i++)
            err = read_folder(out, &file_cap, &next, &next_cap, msg, level.paths[i], suffix);
        hd_file_list_free(&level);
        level = next;
        level_cap = next_cap;
        memset(&next, 0, sizeof next);
        next_cap = 0;
    }
    hd_file_list_free(&level);
    if (err != HD_OK) {
        if (msg && !msg->text[0])
            hd_msg_set(msg, "%s: %s", path, hd_err_name(err));
        hd_file_list_free(out);
        return err;
    }
    if (out->path_cnt)
        qsort(out->paths, out->path_cnt, sizeof *out->paths, by_name);
    return HD_OK;
}

void hd_file_list_free(hd_file_list *list) {
    for (size_t i = 0; i < list->path_cnt; i++)
        free(list->paths[i]);
    free(list->paths);
    memset(list, 0, sizeof *list);
}
