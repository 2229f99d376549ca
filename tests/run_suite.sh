#!/usr/bin/env bash
# run_suite.sh - runs one official suite; exits 77 (skipped) when its fixtures are absent, unless
# HEDDLE_REQUIRE_FIXTURES=1. Usage: run_suite.sh HEDDLE FOLDER COMMAND|@SCRIPT [ARGUMENT...]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
heddle=$1 folder=$2 command=$3
shift 3
fixtures=${HEDDLE_FIXTURES:-$HOME/.cache/heddle/fixtures}
if [ ! -d "$fixtures/$folder" ]; then
    echo "no fixtures: $fixtures/$folder is not a folder (set HEDDLE_FIXTURES)"
    [ "${HEDDLE_REQUIRE_FIXTURES:-0}" = 1 ] && exit 1
    exit 77
fi
case $command in
@*) exec bash "$here/${command#@}" "$heddle" "$fixtures/$folder" "$@" ;;
*) exec "$heddle" "$command" "$@" "$fixtures/$folder" ;;
esac
