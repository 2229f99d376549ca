#!/usr/bin/env bash
# run.sh - builds the fuzz targets with clang and runs each in turn.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ ${1:-} == -h || ${1:-} == --help ]]; then
    cat <<'END'
Usage: fuzz/run.sh [SECONDS [TARGET...]]
Runs each target (all: rlp tx block json proof t8n http precompile core ordered api) for SECONDS (60), one after
the other, on one core at the lowest priority. New inputs go to BUILD/corpus/TARGET, findings to
BUILD/findings; BUILD is $HD_FUZZ_BUILD, else build/fuzz. Exit status 1: something was found.
END
    exit 0
fi
seconds=${1:-60}
[[ $# -gt 0 ]] && shift
targets=("$@")
[[ $# -eq 0 ]] && targets=(rlp tx block json proof t8n http precompile core ordered api)
for target in "${targets[@]}"; do
    [[ -d fuzz/corpus/$target ]] || { echo "fuzz/run.sh: no target $target" >&2; exit 2; }
done

build=${HD_FUZZ_BUILD:-build/fuzz}
clang=${CLANG:-clang}
command -v "$clang" >/dev/null || { echo "fuzz/run.sh: clang is not there" >&2; exit 77; }
cmake -S . -B "$build" -G Ninja -DCMAKE_C_COMPILER="$clang" -DCMAKE_BUILD_TYPE=None \
    -DCMAKE_C_FLAGS="-O1 -g" -DHD_FUZZ=ON -DHD_CUDA=OFF -DHD_TESTS=OFF >/dev/null
nice -n 19 cmake --build "$build" --target fuzz
mkdir -p "$build/findings"

status=0
printf '%-12s %12s %8s %9s\n' target executions seconds findings
for target in "${targets[@]}"; do
    mkdir -p "$build/corpus/$target"
    log=$build/findings/$target.log
    options=(-max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -max_len=4096
        -print_final_stats=1 -artifact_prefix="$build/findings/$target-")
    dict=fuzz/dict/$target.dict
    [[ -f $dict ]] && options+=(-dict="$dict")
    found=0
    begin=$SECONDS
    nice -n 19 "$build/fuzz_$target" "${options[@]}" "$build/corpus/$target" \
        "fuzz/corpus/$target" >"$log" 2>&1 || found=1
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    printf '%-12s %12s %8s %9s\n' "$target" "${executions:-0}" $((SECONDS - begin)) "$found"
    if [[ $found == 1 ]]; then
        status=1
        grep -m 3 -E 'does not hold|runtime error|ERROR' "$log" || tail -n 3 "$log"
        echo "see $log"
    fi
done
exit "$status"
