/* hd_cli_case.h - what test commands share: the whole of one whose files hold named cases and
   nothing else, and for the others the frame around their cases. */
#ifndef HD_CLI_CASE_H
#define HD_CLI_CASE_H

#include "base/hd_json.h"
#include "base/hd_log.h"
#include "cli/hd_cli.h"
#include "exec/hd_exec.h"

/* Runs the case `val` of the file `path`. A text in *error (empty on entry) says why it failed. An
   error code means that the case cannot be read or run, and msg then says why. */
typedef hd_err hd_cli_case_fn(hd_buf *error, hd_msg *msg, const char *path, hd_json val);

/* hd_cli_case_main reads the arguments (paths only), runs every member of every file and prints the
   report: one object {name, file, pass, skipped, error} a case. Returns the exit status. */
int hd_cli_case_main(const hd_cli_spec *spec, int argc, char **argv, hd_cli_case_fn *run);

/* ---- test commands with options of their own ---- */

/* hd_cli_suite_files lists the files of the paths given. HD_EXIT_OK, or HD_EXIT_USAGE with a line:
   no path, or one that cannot be read. */
int hd_cli_suite_files(hd_file_list *out, const hd_cli *cli, char **paths, size_t path_cnt);
/* hd_cli_suite_device opens the device that --backend cuda names, or prints a line and gives NULL.
   command NULL: no line. */
hd_exec *hd_cli_suite_device(const char *command);

/* hd_cli_suite_run calls fn for each part from thread_cnt threads and prints the report; file_cnt
   is what progress counts. Returns the exit status; errors of hd_cli_parallel are a line. */
typedef struct {
    const char *command;
    hd_cli_report *report;
    hd_progress *progress;
    hd_cli_part *parts;
    size_t part_cnt, file_cnt;
    uint32_t thread_cnt;
} hd_cli_suite;
int hd_cli_suite_run(const hd_cli_suite *suite, hd_cli_fn *fn, void *ctx);
/* The line and the status of a suite that could not be run. */
int hd_cli_suite_fail(const char *command, hd_err err);

#endif
