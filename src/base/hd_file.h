/* hd_file.h - whole files and sorted folders, bounded. */
#ifndef HD_FILE_H
#define HD_FILE_H

#include "base/hd_buf.h"
#include "base/hd_msg.h"

#define HD_FILE_DEPTH_MAX 32u       /* folders below the one that is walked */
#define HD_FILE_CNT_MAX 1000000u    /* files that a walk returns */
#define HD_FILE_SZ_MAX (1ull << 31) /* a limit for callers who have no tighter one */

/* hd_file_read appends the whole file to out. HD_ERR_ABSENT when it does not exist, HD_ERR_IO,
   HD_ERR_LIMIT when it is longer than sz_max, HD_ERR_NOMEM. "-" reads standard input. */
hd_err hd_file_read(hd_buf *out, hd_msg *msg, const char *path, uint64_t sz_max);

/* hd_file_write replaces the file at once: a reader sees the old or the new content, whole. */
hd_err hd_file_write(hd_msg *msg, const char *path, const void *data, size_t sz);

typedef struct {
    char **paths; /* path_cnt strings, ascending by strcmp */
    size_t path_cnt;
} hd_file_list;

/* hd_file_walk lists the regular files at or below path whose names end in suffix (NULL or "":
   all), sorted, so that every run sees one order. A path that is itself a file is listed whatever
   its suffix is. Names that begin with '.' and links to folders are left out. HD_ERR_ABSENT,
   HD_ERR_IO, HD_ERR_NOMEM, or HD_ERR_LIMIT for more than HD_FILE_CNT_MAX files or
   HD_FILE_DEPTH_MAX levels. After an error the list is empty. */
hd_err hd_file_walk(hd_file_list *out, hd_msg *msg, const char *path, const char *suffix);
void hd_file_list_free(hd_file_list *list);

/* 1 when path is a folder that can be seen, else 0. */
int hd_file_is_folder(const char *path);

#endif
