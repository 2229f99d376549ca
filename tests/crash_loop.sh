#!/usr/bin/env bash
# crash_loop.sh - kills `heddle import` with SIGKILL at random moments, COUNT times: after each the store must
# open with its root verified, hold a beginning of the chain no shorter than before, and in the end the whole chain.
# Usage: crash_loop.sh HEDDLE COUNT   (exits 77 when the fixture rpc is absent)
set -euo pipefail
heddle=$1 count=$2
data=${HEDDLE_FIXTURES:-$HOME/.cache/heddle/fixtures}/rpc/execution-apis
if [ ! -f "$data/chain.rlp" ]; then
    echo "no fixtures: $data/chain.rlp is not there (set HEDDLE_FIXTURES)"
    [ "${HEDDLE_REQUIRE_FIXTURES:-0}" = 1 ] && exit 1
    exit 77
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/hd_crash.XXXXXX")
trap 'rm -rf "$work"' EXIT
now_ms() { echo $(($(date +%s%N) / 1000000)); }
# $1: folder, $2...: more options. The line "head N HASH ..." is what is compared. Always in a subshell, which
# becomes the command: the one to be killed.
import() {
    local dir=$1
    shift
    exec "$heddle" import --threads 1 --datadir "$dir" "$@" --genesis "$data/genesis.json" "$data/chain.rlp"
}
fail() {
    echo "FAILED: $*"
    exit 1
}
declare -A span_ms
for mode in "" --no-sync; do
    start=$(now_ms)
    # shellcheck disable=SC2086
    want=$(import "$work/whole$mode" $mode | grep '^head ')
    span_ms[x$mode]=$(($(now_ms) - start + 1))
done
"$heddle" export --datadir "$work/whole" "$work/whole.rlp"
killed=0 lives=0 halfway=0 before=-1 rounds=0
while [ "$killed" -lt "$count" ]; do
    rounds=$((rounds + 1))
    [ "$rounds" -le $((count * 20)) ] || fail "only $killed of $count kills met a running import"
    mode=$([ $((RANDOM % 2)) = 0 ] && echo --no-sync || true)
    # shellcheck disable=SC2086
    import "$work/chain" $mode >"$work/log" 2>&1 &
    pid=$!
    # Less than what a whole import takes, so that most chains meet several kills.
    ms=$((RANDOM * ${span_ms[x$mode]} * 2 / 3 / 32768))
    sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
    if kill -9 $pid 2>/dev/null; then
        status=0
        wait $pid 2>/dev/null || status=$?
        [ "$status" = 137 ] && killed=$((killed + 1))
    else
        wait $pid || fail "import: $(tail -n 3 "$work/log")"
    fi
    # Killed before the store was there: nothing to look at.
    [ -f "$work/chain/data.mdb" ] || continue
    status=0
    head=$("$heddle" import --threads 1 --datadir "$work/chain" 2>"$work/err" | grep '^head ') || status=$?
    if [ "$status" != 0 ]; then
        grep -q 'the store is empty' "$work/err" && [ "$before" -lt 0 ] && continue
        fail "after kill $killed: $(cat "$work/err")"
    fi
    number=$(cut -d' ' -f2 <<<"$head")
    [ "$number" -ge "$before" ] || fail "the head went back from $before to $number"
    before=$number
    if [ "$number" -gt 0 ]; then
        [ "$head" = "$want" ] || halfway=$((halfway + 1))
        "$heddle" export --datadir "$work/chain" "$work/part.rlp"
        cmp -s -n "$(stat -c %s "$work/part.rlp")" "$work/part.rlp" "$work/whole.rlp" ||
            fail "blocks up to $number are not the chain's"
    fi
    # A chain that is whole is finished: the next one begins.
    if [ "$head" = "$want" ]; then
        rm -rf "$work/chain"
        before=-1 lives=$((lives + 1))
    fi
done
if [ -d "$work/chain" ]; then
    last=$(import "$work/chain" | grep '^head ')
    [ "$last" = "$want" ] || fail "the last chain ends with $last, expected $want"
fi
[ "$count" -lt 100 ] || [ "$halfway" -gt 0 ] || fail "no kill met an import in the middle of the chain"
echo "crash_loop: $killed kills, $halfway restarts in the middle of the chain, $((lives + 1)) whole chains, $want"
