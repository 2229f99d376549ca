#!/usr/bin/env bash
# test_witness.sh - witnesses of main network blocks of every age: each block executes from its own
# witness alone, and `heddle replay` reads it back. Usage: test_witness.sh HEDDLE BLOCKS
set -euo pipefail
heddle=$1 blocks=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
dirs=()
for number in 46147 116525 1150000 2675000 4370000 7280000 9069000 12244000 14029313 15537394 17666333 \
    19426587 19932703; do
    if [ -d "$blocks/$number" ]; then
        dirs+=("$blocks/$number")
    fi
done
"$heddle" witness --out "$work" "${dirs[@]}"
"$heddle" replay --serial "$work"
"$heddle" replay --threads 2 "$work"
