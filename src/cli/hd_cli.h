/* hd_cli.h - what the commands share: options, exit statuses, the report of a test command. */
#ifndef HD_CLI_H
#define HD_CLI_H

#include <pthread.h>

#include "base/hd_buf.h"
#include "base/hd_file.h"
#include "base/hd_msg.h"

#define HD_EXIT_OK 0
#define HD_EXIT_FAILED 1 /* something that was tested is not as expected */
#define HD_EXIT_USAGE 2  /* usage, unreadable input, nothing to do, a backend that is absent */

/* ---- options: a table gives parsing and --help */
typedef struct {
    const char *name; /* "--fork" */
    const char *arg;  /* "FORK"; NULL: takes no value */
    const char *text; /* one line for --help */
    int id;           /* what hd_cli_next returns, above 0 */
} hd_cli_option;

typedef struct {
    const char *command; /* "statetest" */
    const char *usage;   /* "[OPTION...] PATH..." */
    const char *about;   /* a sentence or two, lines separated by \n */
    const char *example; /* one command line */
    const hd_cli_option *options;
    size_t option_cnt;
} hd_cli_spec;

typedef struct {
    const hd_cli_spec *spec;
    int argc;
    char **argv;
    int idx;            /* next argument */
    int is_only_paths;  /* "--" was seen */
    const char *value;  /* of the option or argument last returned */
    const char *option; /* its name */
} hd_cli;

#define HD_CLI_END 0
#define HD_CLI_ARG (-1)   /* value is an argument that is no option */
#define HD_CLI_HELP (-2)  /* help was printed: return HD_EXIT_OK */
#define HD_CLI_WRONG (-3) /* a line was printed: return HD_EXIT_USAGE */

void hd_cli_init(hd_cli *cli, const hd_cli_spec *spec, int argc, char **argv);
/* hd_cli_next reads the next option or argument ("--name value" or "--name=value"). */
int hd_cli_next(hd_cli *cli);
/* hd_cli_wrong prints "heddle COMMAND: TEXT (see heddle COMMAND --help)" and returns
   HD_EXIT_USAGE. */
int hd_cli_wrong(const hd_cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Values of options; a line is printed and 0 returned when they are wrong. */
int hd_cli_u64(uint64_t *out, const hd_cli *cli, uint64_t min, uint64_t max); /* decimal or 0x */
int hd_cli_num(hd_hash *out, const hd_cli *cli); /* below 2^256, big-endian */
int hd_cli_address(hd_address *out, const hd_cli *cli);
#define HD_CLI_BACKEND_BOTH 100u
int hd_cli_backend(uint32_t *out, const hd_cli *cli, int is_both_allowed);
/* hd_cli_ordered_flags: who names a device wants blocks to run there (HD_ORDERED_NEVER_SERIAL),
   even where serial execution would be sooner done; with auto and host the price decides. */
uint32_t hd_cli_ordered_flags(uint32_t backend);
int hd_cli_fork(uint32_t *out, const hd_cli *cli);

/* hd_cli_walk lists the *.json files of all paths in the order given, sorted within each. Prints a
   line and returns HD_EXIT_USAGE when one cannot be read, else HD_EXIT_OK. */
int hd_cli_walk(hd_file_list *out, const char *command, char **paths, size_t path_cnt);

/* hd_cli_parallel calls fn for each index of [0,cnt) from thread_cnt threads, lowest first. Not
   hd_pool_for, because fn runs batches, whose own loops then see an ordinary thread. worker_idx
   below thread_cnt tells the threads apart. HD_ERR_NOMEM when no thread can be started. */
typedef void hd_cli_fn(void *ctx, size_t idx, uint32_t worker_idx);
hd_err hd_cli_parallel(uint32_t thread_cnt, size_t cnt, hd_cli_fn *fn, void *ctx);

/* ---- the report of a test command: a JSON array on stdout, in the order of the parts whatever
   order they are done in; a count on stderr. A part is what one worker does at a time. */
#define HD_CLI_PASSED 0
#define HD_CLI_FAILED 1
#define HD_CLI_SKIPPED 2

typedef struct {
    hd_buf objects;  /* one JSON object a case */
    hd_buf messages; /* lines for stderr */
    uint64_t object_cnt, passed_cnt, failed_cnt, skipped_cnt;
    uint64_t bad_input_cnt; /* files or cases that could not be read */
    int is_done;
} hd_cli_part;

typedef struct {
    pthread_mutex_t mutex;
    hd_cli_part *parts;
    size_t part_cnt;
    size_t next_idx; /* first part that is not printed */
    uint64_t passed_cnt, failed_cnt, skipped_cnt;
    uint64_t bad_input_cnt; /* files or cases that could not be read */
    uint64_t printed_cnt;   /* objects on stdout so far */
} hd_cli_report;

/* What a case is called. */
typedef struct {
    const char *name;
    const char *path;
    const char *fork;
    uint32_t index[3]; /* data, gas, value */
    int is_whole;      /* no index: there is one case of the name */
} hd_cli_case_name;

/* JSON text of str (str_sz bytes) in quotes. */
void hd_cli_put_str(hd_buf *buf, const char *str, size_t str_sz);
/* hd_cli_put_case appends {name, file, fork, index, pass, skipped, EXTRA, error} to a part (index
   unless is_whole) and counts it. outcome is HD_CLI_PASSED..., why the reason when it did not pass;
   extra is text such as
   ",\"gas\":1" or "". */
void hd_cli_put_case(hd_cli_part *part, const hd_cli_case_name *k, const char *extra, int outcome,
                     const char *why);
/* A line about input that cannot be read. */
void hd_cli_put_bad(hd_cli_part *part, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void hd_cli_report_begin(hd_cli_report *report);
/* objects: object_cnt JSON objects, separated by ",\n". The caller counts cases in report. */
void hd_cli_report_add(hd_cli_report *report, const hd_buf *objects, uint64_t object_cnt);
/* After hd_cli_report_begin: the report is made of parts, which must be zeroed and outlive it. */
void hd_cli_report_parts(hd_cli_report *report, hd_cli_part *parts, size_t part_cnt);
/* parts[idx] is complete: prints it, and what waited for it. Any thread. */
void hd_cli_report_part(hd_cli_report *report, size_t idx);
/* Ends the array, prints the count line, and returns the exit status of the contract. */
int hd_cli_report_end(hd_cli_report *report, const char *command);

#endif
