#!/usr/bin/env bash
# test_sample.sh - the 100 token transfers of contracts/sample-100.json through t8n: the roots and gas must be
# those that another implementation gave. Usage: test_sample.sh HEDDLE SAMPLE
set -euo pipefail
got=$("$1" t8n --state.fork=Cancun --input.alloc=stdin --input.env=stdin --input.txs=stdin \
    --output.result=stdout --output.alloc= --output.body= <"$2")
failed=0
for key in stateRoot txRoot receiptsRoot gasUsed; do
    want=$(sed -n '/"result"/,$p' "$2" | grep -o "\"$key\": *\"0x[0-9a-f]*\"" | head -n 1 | grep -o '0x[0-9a-f]*')
    have=$(grep -o "\"$key\": *\"0x[0-9a-f]*\"" <<<"$got" | grep -o '0x[0-9a-f]*' | grep -xc "$want" || true)
    if [ -z "$want" ] || [ "$have" -lt 1 ]; then
        echo "FAILED $key: expected $want"
        failed=1
    fi
done
exit $failed
