#!/usr/bin/env bash
# test_proof_command.sh - `heddle proof` on the rpc fixture: its answers are those of eth_getProof, states before the
# head are proven as the head's are, and a proof of which anything was changed is refused with what is wrong.
# Usage: test_proof_command.sh HEDDLE
set -euo pipefail
heddle=$1 data=${HEDDLE_FIXTURES:-$HOME/.cache/heddle/fixtures}/rpc/execution-apis
if [ ! -f "$data/chain.rlp" ] || ! command -v jq >/dev/null; then
    echo "jq and the fixtures are needed: $data/chain.rlp (set HEDDLE_FIXTURES)"
    [ "${HEDDLE_REQUIRE_FIXTURES:-0}" = 1 ] && exit 1
    exit 77
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/hd_proof.XXXXXX")
trap 'rm -rf "$work"' EXIT
failed=0
fail() {
    echo "FAILED: $*"
    failed=1
}
# ends WHAT STATUS TEXT COMMAND...: the command ends with STATUS and prints TEXT.
ends() {
    local what=$1 want=$2 text=$3 status=0
    shift 3
    "$@" >"$work/out" 2>&1 || status=$?
    [ "$status" = "$want" ] || fail "$what: exit status $status, expected $want: $(cat "$work/out")"
    grep -q -- "$text" "$work/out" || fail "$what: \"$text\" is not in: $(cat "$work/out")"
}
store=$work/store
"$heddle" import --datadir "$store" --genesis "$data/genesis.json" "$data/chain.rlp" >"$work/out"
root_of() { # NUMBER: the state root in a block's header, out of its RLP
    "$heddle" export --datadir "$store" --first "$1" --last "$1" "$work/block.rlp" 2>/dev/null
    # After the heads of block and header: parent, ommers, coinbase (33 + 33 + 21 bytes), then the root.
    xxd -p "$work/block.rlp" | tr -d '\n' | sed -E 's/^f9....f9....a0.{64}a0.{64}94.{40}a0(.{64}).*/0x\1/'
}

# Every request of the fixture.
cnt=0
for io in "$data"/eth_getProof/*.io; do
    request=$(sed -n 's/^>> //p' "$io")
    sed -n 's/^<< //p' "$io" | jq -S .result >"$work/want"
    mapfile -t slots < <(jq -r '.params[1][]' <<<"$request")
    block=$(jq -r '.params[2] // "latest"' <<<"$request")
    "$heddle" proof --datadir "$store" --block "$block" "$(jq -r '.params[0]' <<<"$request")" "${slots[@]}" |
        jq -S . >"$work/got" || fail "$io: no proof"
    diff "$work/want" "$work/got" >/dev/null || fail "$io: the answer differs"
    sed -n 's/^<< //p' "$io" >"$work/answer"
    ends "$io" 0 "is as it says" "$heddle" proof --verify "$work/answer" --root "$(root_of 54)"
    cnt=$((cnt + 1))
done
[ "$cnt" -ge 3 ] || fail "$cnt requests in the fixture"

# An account with storage, and slots of it, by words and by quantities; what is not there is proven too.
account=$(jq -r '.alloc | to_entries | map(select((.value.storage // {}) | length > 2)) | .[0].key' "$data/genesis.json")
account=0x${account#0x}
mapfile -t slots < <(jq -r --arg a "$account" '.alloc[$a] // .alloc[$a[2:]] | .storage | keys | .[0:3][]' "$data/genesis.json")
for block in latest 54 0x1e 30 1 earliest; do
    number=$block
    case $block in latest) number=54 ;; earliest) number= ;; 0x1e) number=30 ;; esac
    "$heddle" proof --datadir "$store" --block "$block" "$account" "${slots[@]}" 0x7 12345 >"$work/proof.json" ||
        fail "no proof at $block"
    [ -z "$number" ] || root=$(root_of "$number")
    [ -n "$number" ] || root=$("$heddle" export --datadir "$store" --first 0 --last 0 - 2>/dev/null | xxd -p | tr -d '\n' |
        sed -E 's/^f9....f9....a0.{64}a0.{64}94.{40}a0(.{64}).*/0x\1/')
    ends "the proof at $block" 0 "ok: account $account is as it says" "$heddle" proof --verify "$work/proof.json" --root "$root"
    [ "$(grep -c '^ok: slot' "$work/out")" = 5 ] || fail "slots at $block: $(cat "$work/out")"
done
absent=0x00000000000000000000000000000000000abcde
root=$(root_of 54)
"$heddle" proof --datadir "$store" $absent 0x0 >"$work/absent.json"
ends "an absent account" 0 "account $absent is not there" "$heddle" proof --verify "$work/absent.json" --root "$root"
jq -c '.codeHash = "0x" + "0" * 64 | .storageHash = .codeHash' "$work/absent.json" >"$work/zeros.json"
ends "zeros for an absent account" 0 "is not there" "$heddle" proof --verify "$work/zeros.json" --root "$root"

# Whatever is changed is found.
"$heddle" proof --datadir "$store" "$account" "${slots[@]}" >"$work/proof.json"
changed() { # WHAT TEXT JQ
    jq -c "$3" "$work/proof.json" >"$work/changed.json"
    ends "$1" 1 "$2" "$heddle" proof --verify "$work/changed.json" --root "$root"
}
changed balance "wrong: balance is 0x" '.balance = "0x123456"'
changed nonce "wrong: nonce is 0x" '.nonce = "0x77"'
changed "code hash" "wrong: codeHash is 0x" '.codeHash = "0x" + "11" * 32'
changed "storage hash" "wrong: storageHash is 0x" '.storageHash = "0x" + "11" * 32'
changed value "wrong: slot 0x" '.storageProof[0].value = "0x123456"'
changed "a node too few" "wrong: accountProof: " '.accountProof |= .[:-1]'
changed "a node too many" "wrong: accountProof: " '.accountProof += [.accountProof[0]]'
changed "a node of a slot" "wrong: proof of slot " '.storageProof[0].proof |= .[1:]'
changed "no nodes" "wrong: slot 0x.* hangs on the account's proof" '.accountProof = []'
changed "another account" "wrong: " '.address = "0x" + "11" * 20'
ends "another root" 1 "wrong: accountProof: " "$heddle" proof --verify "$work/proof.json" --root "0x$(printf '11%.0s' {1..32})"

# What is no proof, and what cannot be made.
refused() { # WHAT TEXT JSON
    printf '%s' "$3" >"$work/bad.json"
    ends "$1" 2 "$2" "$heddle" proof --verify "$work/bad.json" --root "$root"
}
refused "no JSON" "line 1" '{"address'
refused "another object" "\"storageProof\" is missing" '{}'
refused "a number" "an object with \"storageProof\" is expected" '7'
refused "depth" "nesting" "$(printf '[%.0s' {1..40})"
jq -c '.accountProof = [range(132) | "0x80"]' "$work/proof.json" >"$work/bad.json"
ends "132 nodes" 2 "no proof has more than 131" "$heddle" proof --verify "$work/bad.json" --root "$root"
jq -c '.accountProof[0] = "0x" + "00" * 1025' "$work/proof.json" >"$work/bad.json"
ends "a long node" 2 "none has more than 1024" "$heddle" proof --verify "$work/bad.json" --root "$root"
jq -c '.accountProof[0] = "0xabc"' "$work/proof.json" >"$work/bad.json"
ends "half a byte" 2 "accountProof\[0\]: 0x and bytes" "$heddle" proof --verify "$work/bad.json" --root "$root"
ends "a file that is not there" 2 "nowhere" "$heddle" proof --verify "$work/nowhere" --root "$root"
ends "no root" 2 "needs --root" "$heddle" proof --verify "$work/proof.json"
ends "no address" 2 "an address is expected" "$heddle" proof --datadir "$store"
ends "a bad address" 2 "expects an address" "$heddle" proof --datadir "$store" 0x12
ends "a bad slot" 2 "SLOT expects a number" "$heddle" proof --datadir "$store" "$account" 0xzz
ends "no such block" 2 "there is no block 55: the head is 54" "$heddle" proof --datadir "$store" --block 55 "$account"
ends "no such hash" 2 "there is no block 0x" "$heddle" proof --datadir "$store" --block "$root" "$account"
ends "no store" 2 "no store" "$heddle" proof --datadir "$work/none" "$account"
"$heddle" import --datadir "$work/short" --genesis "$data/genesis.json" --states 4 "$data/chain.rlp" >"$work/out" 2>&1 || true
if grep -q "^head 54" "$work/out"; then
    ends "a state not kept" 2 "the state of block 10 is not kept" "$heddle" proof --datadir "$work/short" --block 10 "$account"
fi
[ "$failed" = 0 ] && echo "$cnt answers as eth_getProof's"
exit "$failed"
