#!/usr/bin/env bash
# calibrate.sh - how fast this machine is beside the one where peers' figures were taken: times the
# program snailtracer of the public evm-benchmarks on anvil (revm) and on Heddle.
#
# Usage: bench/calibrate.sh [--cpu-time] [HEDDLE] (default build/release/heddle). Needs npm, node, and
# the fixtures in $HEDDLE_FIXTURES or ~/.cache/heddle/fixtures. anvil goes to a temporary folder.
# HEDDLE_ANVIL names an anvil that is there already. --cpu-time counts the time for which both had a
# processor: for a machine that others keep busy.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
reference_ms=41.6 # anvil where the peers' figures in bench/README.md were taken
cpu_time=
if [ "${1:-}" = --cpu-time ]; then
    cpu_time=$1
    shift
fi
heddle=${1:-build/release/heddle}
fixtures=${HEDDLE_FIXTURES:-$HOME/.cache/heddle/fixtures}
program=$fixtures/contracts/evm-benchmarks/benchmarks/main/snailtracer.json
for tool in node npm; do
    command -v $tool >/dev/null || {
        echo "calibrate.sh: $tool is needed" >&2
        exit 2
    }
done
[ -f "$program" ] || {
    echo "calibrate.sh: $program is not there (set HEDDLE_FIXTURES)" >&2
    exit 2
}

work=$(mktemp -d)
anvil_pid=
finish() {
    [ -z "$anvil_pid" ] || kill "$anvil_pid" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

anvil=${HEDDLE_ANVIL:-}
if [ -z "$anvil" ]; then
    (cd "$work" && npm install --no-audit --no-fund --silent @foundry-rs/anvil >/dev/null 2>&1) || {
        echo "calibrate.sh: npm cannot install @foundry-rs/anvil" >&2
        exit 2
    }
    anvil=$(find "$work/node_modules/@foundry-rs" -type f -name anvil -path '*/bin/*' | head -n 1)
fi
port=$((20000 + RANDOM % 20000))
"$anvil" --port "$port" --silent --gas-limit 2000000000 >"$work/anvil.log" 2>&1 &
anvil_pid=$!

# eth_call with the program put at an address by anvil_setCode; the best of 30 calls (with --cpu-time
# their mean), less the price of a call that does nothing.
anvil_ms=$(node - "$port" "$program" "$anvil_pid" $cpu_time <<'JS'
const [port, path, pid, isCpuTime] = process.argv.slice(2);
const fs = require("fs");
const { snailtracer: test } = JSON.parse(fs.readFileSync(path, "utf8"));
const to = test.transaction.to;
let id = 0;
async function rpc(method, ...params) {
    const body = JSON.stringify({ jsonrpc: "2.0", id: ++id, method, params });
    const headers = { "content-type": "application/json" };
    const reply = await (await fetch(`http://127.0.0.1:${port}`, { method: "POST", headers, body })).json();
    if (reply.error) throw new Error(`${method}: ${reply.error.message}`);
    return reply.result;
}
function cpuMs() {
    const tasks = `/proc/${pid}/task`;
    const ns = (task) => Number(fs.readFileSync(`${tasks}/${task}/schedstat`, "utf8").split(" ")[0]);
    return fs.readdirSync(tasks).reduce((sum, task) => sum + ns(task), 0) / 1e6;
}
async function best(call) {
    let ms = Infinity;
    await rpc("eth_call", call, "latest");
    const cpuBegin = cpuMs();
    for (let i = 0; i < 30; i++) {
        const begin = performance.now();
        await rpc("eth_call", call, "latest");
        ms = Math.min(ms, performance.now() - begin);
    }
    return isCpuTime ? (cpuMs() - cpuBegin) / 30 : ms;
}
(async () => {
    for (let i = 0; ; i++) {
        try {
            await rpc("eth_chainId");
            break;
        } catch (e) {
            if (i === 100) throw e;
            await new Promise((done) => setTimeout(done, 100));
        }
    }
    await rpc("anvil_setCode", to, test.pre[to].code);
    const call = { to, data: test.transaction.data[0], gas: "0x3b9aca00" };
    const empty = { to: "0x00000000000000000000000000000000000000ee", data: "0x" };
    console.log(((await best(call)) - (await best(empty))).toFixed(1));
})().catch((e) => {
    console.error(`calibrate.sh: anvil: ${e.message}`);
    process.exit(1);
});
JS
)
"$heddle" bench evm:snailtracer --repeat 9 $cpu_time --fixtures "$fixtures" --csv "$work/heddle.csv" >/dev/null
awk -F, -v anvil="$anvil_ms" -v reference="$reference_ms" 'END {
    heddle = $8 / 1e6
    factor = anvil / reference
    printf "snailtracer    anvil %.1f ms, heddle %.1f ms (%.2f of anvil)\n", anvil, heddle, heddle / anvil
    printf "this machine   %.2f times as slow as the reference (anvil: %.1f ms there)\n", factor, reference
    printf "heddle there   %.1f ms\n", heddle / factor
}' "$work/heddle.csv"
