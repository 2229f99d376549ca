#!/usr/bin/env bash
# t8n_cases.sh - runs the t8n calls behind go-ethereum's golden files and compares exit status and
# standard output (as JSON). Usage: t8n_cases.sh HEDDLE FIXTURES/t8n [CASES.json]
# Without CASES.json the list beside the fixtures' packs or HEDDLE_T8N_CASES is used.
# Exit: 0 all agree, 1 some do not, 2 nothing could be run, 77 the list or jq is absent.
set -uo pipefail
heddle=$(realpath "$1")
fixtures=$(dirname "$(realpath "$2")")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cases=${3:-${HEDDLE_T8N_CASES:-}}
for file in "$fixtures/t8n-cases.json" "$here/../../shared/fixtures/t8n-cases.json"; do
    [ -z "$cases" ] && [ -f "$file" ] && cases=$file
done
absent=77
[ "${HEDDLE_REQUIRE_FIXTURES:-0}" = 1 ] && absent=1
if [ -z "$cases" ] || [ ! -f "$cases" ]; then
    echo "no list of calls: t8n-cases.json is not there (set HEDDLE_T8N_CASES)"
    exit $absent
fi
if ! command -v jq >/dev/null; then
    echo "jq is needed to compare JSON"
    exit $absent
fi
cases=$(realpath "$cases")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$fixtures" || exit 2

passed=0 failed=0
count=$(jq '.cases | length' "$cases")
for ((i = 0; i < count; i++)); do
    args=()
    while IFS= read -r -d '' arg; do
        args+=("$arg")
    done < <(jq -j --argjson i "$i" '.cases[$i].args[] | . + "\u0000"' "$cases")
    want_code=$(jq --argjson i "$i" '.cases[$i].exit_code' "$cases")
    want_file=$(jq -r --argjson i "$i" '.cases[$i].expected_stdout // empty' "$cases")
    name="$i $(jq -r --argjson i "$i" '.cases[$i].note' "$cases")"
    "$heddle" t8n "${args[@]}" --output.basedir "$work" >"$work/stdout" 2>"$work/stderr"
    code=$?
    error=""
    if [ "$code" != "$want_code" ]; then
        error="exit status $code, expected $want_code: $(head -c 300 "$work/stderr")"
    elif [ -n "$want_file" ]; then
        if ! jq -S . "$work/stdout" >"$work/got" 2>/dev/null; then
            error="standard output is no JSON"
        elif ! difference=$(diff <(jq -S . "$want_file") "$work/got"); then
            error="output differs: $(head -c 600 <<<"$difference")"
        fi
    fi
    if [ -z "$error" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED %s\n  %s\n' "$name" "$error"
    fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ $((passed + failed)) -gt 0 ] || exit 2
[ "$failed" -eq 0 ]
