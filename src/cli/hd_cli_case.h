/* hd_cli_case.h - the whole of a test command whose files hold named cases and nothing else. */
#ifndef HD_CLI_CASE_H
#define HD_CLI_CASE_H

#include "base/hd_json.h"
#include "cli/hd_cli.h"

/* Runs the case `val` of the file `path`. A text in *error (empty on entry) says why it failed. An
   error code means that the case cannot be read or run, and msg then says why. */
typedef hd_err hd_cli_case_fn(hd_buf *error, hd_msg *msg, const char *path, hd_json val);

/* hd_cli_case_main reads the arguments (paths only), runs every member of every file and prints the
   report: one object {name, file, pass, skipped, error} a case. Returns the exit status. */
int hd_cli_case_main(const hd_cli_spec *spec, int argc, char **argv, hd_cli_case_fn *run);

#endif
