#!/usr/bin/env bash
# test.sh - builds Heddle with assertions and runs every test. The last line counts them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. tools/lib.sh

yes=0
case ${1:-} in
-h | --help)
    echo "Usage: ./test.sh [--yes] [CTEST ARGUMENT...]      for example: ./test.sh -L unit"
    echo "Without arguments for ctest all but the label mutation runs, which builds Heddle once for"
    echo "each rule that it leaves out: ./test.sh -L mutation."
    echo "--yes installs missing packages without asking. The official suites are looked for in"
    echo "\$HEDDLE_FIXTURES, else in ~/.cache/heddle/fixtures; HEDDLE_REQUIRE_FIXTURES=1 makes"
    echo "their absence a failure."
    exit 0
    ;;
--yes | -y)
    yes=1
    shift
    ;;
esac
hd_need "$yes" "${HD_BUILD_NEEDS[@]}" "${HD_TEST_NEEDS[@]}"
hd_build dev
[ $# -gt 0 ] || set -- -LE mutation
report=$PWD/build/dev/tests.xml
rm -f "$report"
status=0
ctest --preset dev --parallel "$(nproc)" --output-junit "$report" "$@" || status=$?
python3 tools/test_summary.py "$report" || status=1
exit "$status"
