#!/usr/bin/env bash
# test_replay.sh - `heddle replay` on the first block of the main network, on input that is wrong in
# many ways (one line, exit status 2) and on a block that is not what its header says (exit status 1).
# Usage: test_replay.sh HEDDLE
set -uo pipefail
heddle=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

bloom=0x$(printf '0%.0s' $(seq 512))
cat >"$work/block.json" <<EOF
{"hash":"0x88e96d4537bea4d9c05d12549907b32561d3bf31f45aae734cdc119f13406cb6",
"parentHash":"0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3",
"sha3Uncles":"0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
"miner":"0x05a56e2d52c817161883f50c441c3228cfe54d9f",
"stateRoot":"0xd67e4d450343046425ae4271474353857ab860dbc0a1dde64b41b5cd3a532bf3",
"transactionsRoot":"0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421",
"receiptsRoot":"0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421",
"logsBloom":"$bloom",
"difficulty":"0x3ff800000","number":"0x1","gasLimit":"0x1388","gasUsed":"0x0",
"timestamp":"0x55ba4224",
"extraData":"0x476574682f76312e302e302f6c696e75782f676f312e342e32",
"mixHash":"0x969b900de27b6ac6a67742365dd65f55a0526c41fd18e1b16f1a1215c2e66f59",
"nonce":"0x539bd4979fef1ec4","uncles":[],"transactions":[]}
EOF
stop=0x0000000000000000000000000000000000000001
code_hash=0x0123456789012345678901234567890123456789012345678901234567890123

# A folder of its own with the block, which the caller then spoils; its path is left in $dir.
fresh() {
    dir=$(mktemp -d "$work/case.XXXXXX")
    cp "$work/block.json" "$dir/block.json"
    echo '{}' >"$dir/pre_state.json"
}

# expect STATUS NAME TEXT ARGUMENT...: TEXT must be in what is printed; status 2 means one line.
expect() {
    local want=$1 name=$2 text=$3 status
    shift 3
    "$heddle" "$@" >"$work/out" 2>"$work/err"
    status=$?
    if [ "$status" != "$want" ]; then
        echo "FAILED $name: exit status $status, expected $want"
        failed=1
    elif ! grep -qF -- "$text" "$work/out" "$work/err"; then
        echo "FAILED $name: \"$text\" is not in what it printed"
        failed=1
    elif [ "$want" = 2 ] && [ "$(wc -l <"$work/err")" != 1 ]; then
        echo "FAILED $name: one line is expected on stderr"
        failed=1
    else
        return
    fi
    sed 's/^/    /' "$work/out" "$work/err" | head -n 5
}

fresh
expect 0 'the first block' 'unchecked (pre-Byzantium)' replay "$dir"
expect 0 'as JSON' '"pass":true' replay --json "$dir"
expect 0 'its witness' 'ok' witness --out "$work/witness" "$dir"
expect 0 'from its witness' '1 ok' replay "$work/witness"

expect 2 'no argument' 'a folder is expected' replay
expect 2 'unknown option' 'unknown option' replay --no-such-option "$dir"
expect 2 'no such folder' "$work/none" replay "$work/none"
expect 2 'a file for a folder' 'a folder' replay "$dir/block.json"
mkdir "$work/empty"
expect 2 'no block in it' 'no block.json' replay "$work/empty"
rm "$dir/pre_state.json"
expect 2 'no pre-state' 'pre_state.json' replay "$dir"

while IFS='|' read -r name text edit; do
    fresh
    sed -i "$edit" "$dir/block.json"
    expect 2 "$name" "$text" replay "$dir"
done <<'EOF'
malformed JSON|block.json|s/"uncles":\[\]/"uncles":[/
a missing member|gasUsed|s/"gasUsed":"0x0",//
a number that is none|gasUsed|s/"gasUsed":"0x0"/"gasUsed":"zero"/
a number too large|gasUsed|s/"gasUsed":"0x0"/"gasUsed":"0x10000000000000000"/
a short bloom|logsBloom|s/"logsBloom":"0x00/"logsBloom":"0x/
a short hash|mixHash|s/"mixHash":"0x96/"mixHash":"0x/
transactions that are no list|transactions|s/"transactions":\[\]/"transactions":{}/
transactions that are hashes|transactions|s/"transactions":\[\]/"transactions":["0x00"]/
a transaction without fields|transactions|s/"transactions":\[\]/"transactions":[{}]/
withdrawals that are no list|withdrawals|s/"uncles":\[\]/"withdrawals":7/
EOF
fresh
echo '[]' >"$dir/block.json"
expect 2 'a block that is a list' 'block' replay "$dir"
head -c 100 "$work/block.json" >"$dir/block.json"
expect 2 'a cut file' 'block.json' replay "$dir"

while IFS='|' read -r name text state; do
    fresh
    echo "$state" >"$dir/pre_state.json"
    expect 2 "$name" "$text" replay "$dir"
done <<EOF
a pre-state that is a list|accounts|[]
an address that is none|address|{"0x12":{"balance":"0x0","nonce":0}}
an account without balance|balance|{"$stop":{"nonce":0}}
a code that is not given|bytecodes|{"$stop":{"balance":"0x0","nonce":0,"code_hash":"$code_hash"}}
a slot that is none|storage key|{"$stop":{"balance":"0x0","nonce":0,"storage":{"x":"0x0"}}}
storage that is a list|slots|{"$stop":{"balance":"0x0","nonce":0,"storage":[]}}
EOF
fresh
echo "{\"$code_hash\":\"0x00\"}" >"$dir/bytecodes.json"
expect 2 'a code with another hash' 'another hash' replay "$dir"
fresh
expect 2 'no such bytecodes' "$work/none.json" replay --bytecodes "$work/none.json" "$dir"
expect 2 'no such block hashes' "$work/none.json" replay --block-hashes "$work/none.json" "$dir"
echo '{"one":"0x00"}' >"$dir/block_hashes.json"
expect 2 'a block number that is none' 'block number' replay "$dir"
expect 2 'a backend that is not there' 'backend' replay --backend nothing "$dir"

fresh
sed -i 's/"gasUsed":"0x0"/"gasUsed":"0x1"/' "$dir/block.json"
expect 1 'another header' "the header's hash" replay "$dir"
exit $failed
