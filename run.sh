#!/usr/bin/env bash
# run.sh - builds Heddle and runs its demo, on a machine that may have nothing yet.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. tools/lib.sh

yes=0
case ${1:-} in
-h | --help)
    echo "Usage: ./run.sh [--yes] [DEMO ARGUMENT...]"
    echo "Builds Heddle and runs 'heddle demo'. --yes installs missing packages without asking."
    exit 0
    ;;
--yes | -y)
    yes=1
    shift
    ;;
esac
hd_need "$yes" "${HD_BUILD_NEEDS[@]}"
hd_build release heddle_cli
exec build/release/heddle demo "$@"
