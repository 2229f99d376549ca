#!/usr/bin/env bash
# test_import.sh - `heddle import` and `heddle export` on the rpc fixture: its 54 blocks end with its head, come out
# byte for byte, through a snapshot too, and everything that must be refused is, with the reason.
# Usage: test_import.sh HEDDLE
set -euo pipefail
heddle=$1 data=${HEDDLE_FIXTURES:-$HOME/.cache/heddle/fixtures}/rpc/execution-apis
if [ ! -f "$data/chain.rlp" ]; then
    echo "no fixtures: $data/chain.rlp is not there (set HEDDLE_FIXTURES)"
    [ "${HEDDLE_REQUIRE_FIXTURES:-0}" = 1 ] && exit 1
    exit 77
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/hd_import.XXXXXX")
trap 'rm -rf "$work"' EXIT
failed=0
fail() {
    echo "FAILED: $*"
    failed=1
}
# refused WHAT STATUS TEXT COMMAND...: the command ends with STATUS and says TEXT.
refused() {
    local what=$1 want=$2 text=$3 status=0
    shift 3
    "$@" >"$work/out" 2>"$work/err" || status=$?
    [ "$status" = "$want" ] || fail "$what: exit status $status, expected $want: $(cat "$work/err")"
    grep -qi -- "$text" "$work/err" || fail "$what: \"$text\" is not in: $(cat "$work/err")"
}
want=$(grep -o '"headBlockHash": *"0x[0-9a-f]*"' "$data/headfcu.json" | grep -o '0x[0-9a-f]*')

# The whole chain, serial and parallel, and again.
for mode in "" --serial --no-sync; do
    # shellcheck disable=SC2086
    "$heddle" import --datadir "$work/a$mode" --genesis "$data/genesis.json" $mode "$data/chain.rlp" >"$work/out"
    grep -q "^imported 54 blocks (0 known" "$work/out" || fail "import $mode: $(cat "$work/out")"
    grep -q "^head 54 $want " "$work/out" || fail "import $mode: the head is not $want: $(cat "$work/out")"
done
"$heddle" import --datadir "$work/a" "$data/chain.rlp" | grep -q "^imported 0 blocks (54 known" ||
    fail "blocks that are known are not passed over"
"$heddle" import --datadir "$work/a" | grep -q "^head 54 $want " || fail "a store without files shows no head"

# Out again, whole and in parts.
"$heddle" export --datadir "$work/a" "$work/all.rlp"
cmp "$work/all.rlp" "$data/chain.rlp" || fail "the exported chain differs"
"$heddle" export --datadir "$work/a" --last 20 "$work/1.rlp"
"$heddle" export --datadir "$work/a" --first 21 - >"$work/2.rlp"
cat "$work/1.rlp" "$work/2.rlp" | cmp - "$data/chain.rlp" || fail "the chain exported in parts differs"

# From block 20 on through a snapshot.
"$heddle" import --datadir "$work/b" --genesis "$data/genesis.json" "$work/1.rlp" >"$work/out"
"$heddle" export --datadir "$work/b" --snapshot "$work/snap" 2>"$work/err"
grep -q "snapshot of block 20 " "$work/err" || fail "snapshot: $(cat "$work/err")"
"$heddle" import --datadir "$work/c" --snapshot "$work/snap" - <"$work/2.rlp" >"$work/out"
grep -q "^head 54 $want " "$work/out" || fail "a chain from a snapshot ends elsewhere: $(cat "$work/out")"
"$heddle" import --datadir "$work/b" "$work/2.rlp" | grep -q "^head 54 $want " || fail "continuing ends elsewhere"

# Refusals. Each leaves the store as it was.
sed 's/"bpo2Time": 540/"amsterdamTime": 500, "bpo2Time": 540/' "$data/genesis.json" >"$work/unknown.json"
refused "unknown fork" 1 "amsterdam" "$heddle" import --datadir "$work/d" --genesis "$work/unknown.json" \
    "$data/chain.rlp"
"$heddle" import --datadir "$work/d" | grep -q "^head [0-9]" || fail "the store behind an unknown fork is unusable"
sed 's/"extraData": "0x68/"extraData": "0x69/' "$data/genesis.json" >"$work/other.json"
refused "another genesis" 2 "is not that of the store" "$heddle" import --datadir "$work/a" \
    --genesis "$work/other.json" "$data/chain.rlp"
refused "no genesis" 2 "no store" "$heddle" import --datadir "$work/e" "$data/chain.rlp"
refused "blocks without their parents" 1 "unknown parent" "$heddle" import --datadir "$work/f" \
    --genesis "$data/genesis.json" "$work/2.rlp"
head -c 30000 "$data/chain.rlp" >"$work/cut.rlp"
refused "a chain that is cut off" 2 "byte [0-9]*: the file ends" "$heddle" import --datadir "$work/g" \
    --genesis "$data/genesis.json" "$work/cut.rlp"
"$heddle" import --datadir "$work/g" "$data/chain.rlp" | grep -q "^head 54 $want " || fail "continuing after a cut"
printf 'no rlp' >"$work/text.rlp"
refused "no RLP" 2 "an RLP list is expected" "$heddle" import --datadir "$work/a" "$work/text.rlp"
refused "blocks that are not there" 2 "the head is 54" "$heddle" export --datadir "$work/a" --last 55 "$work/x"
refused "no datadir" 2 "datadir" "$heddle" import "$data/chain.rlp"
head -c $(($(stat -c %s "$work/snap") - 100)) "$work/snap" >"$work/cut.snap"
refused "a snapshot that is cut off" 1 "truncated" "$heddle" import --datadir "$work/h" --snapshot "$work/cut.snap"
refused "what it left" 2 "no store" "$heddle" import --datadir "$work/h" "$data/chain.rlp"
# One changed byte in the middle of a block makes it invalid: byte 20 of a header is its parent's hash.
cp "$data/chain.rlp" "$work/bad.rlp"
printf '\xff' | dd of="$work/bad.rlp" bs=1 seek=20 conv=notrunc status=none
refused "a block with a changed byte" 1 "block 1 0x" "$heddle" import --datadir "$work/i" \
    --genesis "$data/genesis.json" "$work/bad.rlp"

# Damage of the store: named, never a crash, never another head.
named=0
size=$(stat -c %s "$work/a/data.mdb")
for i in $(seq 1 40); do
    cp "$work/a/data.mdb" "$work/keep.mdb"
    at=$(((RANDOM * 32768 + RANDOM) % size))
    [ $((i % 4)) = 0 ] && at=$((at / 4096 * 4096 + RANDOM % 64))
    head -c 8 /dev/urandom | dd of="$work/a/data.mdb" bs=1 seek=$at conv=notrunc status=none
    [ $((i % 8)) = 7 ] && truncate -s "$at" "$work/a/data.mdb"
    status=0
    "$heddle" import --datadir "$work/a" >"$work/out" 2>"$work/err" || status=$?
    case $status in
    0) grep -q "^head 54 $want " "$work/out" || fail "byte $at damaged: $(cat "$work/out")" ;;
    2)
        grep -q "data.mdb" "$work/err" || fail "byte $at damaged: $(cat "$work/err")"
        named=$((named + 1))
        ;;
    *) fail "byte $at damaged: exit status $status: $(cat "$work/err")" ;;
    esac
    cp "$work/keep.mdb" "$work/a/data.mdb"
done
[ "$named" -gt 5 ] || fail "only $named of 40 damages were named"
echo "test_import: head $want; $named of 40 damages lay in pages that are in use, and were named"
exit $failed
