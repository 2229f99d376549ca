// build.mjs - compiles the contracts and writes one JSON each and src/exec/hd_workload_code.h.
//
// Needed only after a change to a .sol file, in a folder where the compiler is installed:
//     npm install solc@0.8.28
//     node /path/to/heddle/contracts/build.mjs
// The same compiler gives the same bytes: the metadata hash is left out.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const solc = createRequire(join(process.cwd(), "x.js"))("solc");
const files = ["HeddleToken", "HeddlePair", "Work"];

const input = {
    language: "Solidity",
    sources: Object.fromEntries(
        files.map((f) => [`${f}.sol`, { content: readFileSync(join(here, `${f}.sol`), "utf8") }]),
    ),
    settings: {
        optimizer: { enabled: true, runs: 200 },
        evmVersion: "cancun",
        metadata: { bytecodeHash: "none", appendCBOR: false },
        outputSelection: {
            "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object",
                         "evm.methodIdentifiers", "storageLayout"] },
        },
    },
};
const output = JSON.parse(solc.compile(JSON.stringify(input)));
for (const e of output.errors ?? []) console.error(e.formattedMessage);
if ((output.errors ?? []).some((e) => e.severity === "error")) process.exit(1);

const snake = (s) => s.replace(/([a-z0-9])([A-Z])/g, "$1_$2");
let header = `/* hd_workload_code.h - the contracts of contracts/, compiled: written by contracts/build.mjs. */
#ifndef HD_WORKLOAD_CODE_H
#define HD_WORKLOAD_CODE_H

#include "base/hd_base.h"

/* clang-format off */
`;
for (const f of files) {
    const c = output.contracts[`${f}.sol`][f];
    const runtime = c.evm.deployedBytecode.object;
    writeFileSync(
        join(here, `${f}.json`),
        JSON.stringify(
            {
                contract: f,
                compiler: `solc ${solc.version()}`,
                settings: { optimizer: input.settings.optimizer, evmVersion: input.settings.evmVersion },
                selectors: Object.fromEntries(
                    Object.entries(c.evm.methodIdentifiers).map(([k, v]) => [k, `0x${v}`]),
                ),
                storage: Object.fromEntries(c.storageLayout.storage.map((s) => [s.label, Number(s.slot)])),
                abi: c.abi,
                initCode: `0x${c.evm.bytecode.object}`,
                runtimeCode: `0x${runtime}`,
            },
            null,
            1,
        ) + "\n",
    );
    const name = snake(f);
    for (const [sig, id] of Object.entries(c.evm.methodIdentifiers))
        header += `#define HD_SELECTOR_${name.toUpperCase()}_${snake(sig.split("(")[0]).toUpperCase()} 0x${id}u\n`;
    header += `\nstatic const uint8_t hd_code_${name.toLowerCase()}[${runtime.length / 2}] = {\n`;
    for (let i = 0; i < runtime.length; i += 32) {
        const row = runtime.slice(i, i + 32).match(/../g);
        header += `    ${row.map((b) => `0x${b},`).join(" ")}\n`;
    }
    header += "};\n\n";
}
header += "/* clang-format on */\n\n#endif\n";
writeFileSync(join(here, "../src/exec/hd_workload_code.h"), header);
