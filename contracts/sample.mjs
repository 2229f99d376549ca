// sample.mjs - writes sample-100.json: 100 token transfers as go-ethereum's t8n reads them (alloc, env,
// txs) with the result that another implementation gives.
//
// Needed only to change the sample, in a folder where that implementation is installed:
//     npm install @ethereumjs/vm@10 js-sha3
//     node /path/to/heddle/contracts/sample.mjs
// Everything hangs on SEED. heddle t8n must print the same result:
//     heddle t8n --state.fork=Cancun --input.alloc=stdin --input.env=stdin --input.txs=stdin \
//         --output.result=stdout < contracts/sample-100.json
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(join(process.cwd(), "x.js"));
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const { createVM, runTx } = await load("@ethereumjs/vm");
const { Common, Mainnet, Hardfork } = await load("@ethereumjs/common");
const { createBlock } = await load("@ethereumjs/block");
const { createFeeMarket1559Tx } = await load("@ethereumjs/tx");
const { MerkleStateManager } = await load("@ethereumjs/statemanager");
const { MerklePatriciaTrie } = await load("@ethereumjs/mpt");
const { RLP } = await load("@ethereumjs/rlp");
const util = await load("@ethereumjs/util");
const { keccak256 } = require("js-sha3");

const SEED = "heddle sample 100";
const ACCOUNTS = 20;
const hash = (...parts) => {
    const h = keccak256.create();
    for (const p of parts) h.update(p);
    return Uint8Array.from(h.array());
};
const hex = (bytes) => util.bytesToHex(bytes);
const quantity = (n) => `0x${BigInt(n).toString(16)}`;
const word = (n) => util.setLengthLeft(util.bigIntToUnpaddedBytes(BigInt(n)), 32);

const token = JSON.parse(readFileSync(join(here, "HeddleToken.json"), "utf8"));
const tokenAddress = util.createAddressFromString("0x" + keccak256(`${SEED} token`).slice(24));
const coinbase = util.createAddressFromString("0x" + keccak256(`${SEED} coinbase`).slice(24));
const accounts = [...Array(ACCOUNTS).keys()].map((i) => {
    const key = hash(`${SEED} key ${i}`);
    return { key, address: util.createAddressFromPrivateKey(key), nonce: 0 };
});

const common = new Common({ chain: Mainnet, hardfork: Hardfork.Cancun });
const stateManager = new MerkleStateManager({ common });
const vm = await createVM({ common, stateManager });
const alloc = {};
const storage = {};
const put = async (key, value) => {
    storage[hex(key)] = hex(word(value));
    await stateManager.putStorage(tokenAddress, key, util.unpadBytes(word(value)));
};
await stateManager.putAccount(tokenAddress, util.createAccount({ nonce: 1n }));
await stateManager.putCode(tokenAddress, util.hexToBytes(token.runtimeCode));
await put(word(2), 10n ** 24n);
for (const a of accounts) {
    await stateManager.putAccount(a.address, util.createAccount({ balance: 10n ** 18n }));
    alloc[a.address.toString()] = { balance: quantity(10n ** 18n) };
    await put(hash(util.setLengthLeft(a.address.bytes, 32), word(0)), 1000);
}
alloc[tokenAddress.toString()] = { balance: "0x0", nonce: "0x1", code: token.runtimeCode, storage };

const env = {
    currentCoinbase: coinbase.toString(),
    currentGasLimit: "0x1c9c380",
    currentNumber: "0x3e8",
    currentTimestamp: "0x68e77800",
    currentBaseFee: "0x3b9aca00",
    currentRandom: hex(hash(`${SEED} random`)),
    currentExcessBlobGas: "0x0",
    parentBeaconBlockRoot: hex(new Uint8Array(32)),
    withdrawals: [],
};
const block = createBlock(
    {
        header: {
            coinbase, gasLimit: BigInt(env.currentGasLimit), number: BigInt(env.currentNumber),
            timestamp: BigInt(env.currentTimestamp), baseFeePerGas: BigInt(env.currentBaseFee),
            mixHash: util.hexToBytes(env.currentRandom), excessBlobGas: 0n,
        },
    },
    { common, skipConsensusFormatValidation: true },
);

const txs = [];
const receipts = [];
const receiptTrie = new MerklePatriciaTrie();
const txTrie = new MerklePatriciaTrie();
let gasUsed = 0n;
for (let i = 0; i < 100; i++) {
    const r = hash(`${SEED} transfer ${i}`);
    const from = accounts[r[0] % ACCOUNTS];
    const to = accounts[r[1] % ACCOUNTS]; // at times the sender itself
    const value = 1 + ((r[2] << 8) | r[3]) % 400; // so that some senders run dry
    const unsigned = {
        chainId: 1n, nonce: BigInt(from.nonce++), maxPriorityFeePerGas: 10n ** 9n,
        maxFeePerGas: 3n * 10n ** 9n, gasLimit: 100000n, to: tokenAddress, value: 0n,
        data: util.concatBytes(util.hexToBytes("0xa9059cbb"), util.setLengthLeft(to.address.bytes, 32),
                               word(value)),
    };
    const tx = createFeeMarket1559Tx(unsigned, { common }).sign(from.key);
    const result = await runTx(vm, { tx, block, skipHardForkValidation: true });
    gasUsed += result.totalGasSpent;
    const receipt = [word(result.receipt.status)[31] ? Uint8Array.of(1) : new Uint8Array(),
                     util.bigIntToUnpaddedBytes(gasUsed), result.receipt.bitvector, result.receipt.logs];
    await receiptTrie.put(RLP.encode(i), util.concatBytes(Uint8Array.of(2), RLP.encode(receipt)));
    await txTrie.put(RLP.encode(i), tx.serialize());
    receipts.push({ status: quantity(result.receipt.status), gasUsed: quantity(result.totalGasSpent) });
    txs.push({
        type: "0x2", chainId: "0x1", nonce: quantity(unsigned.nonce), to: tokenAddress.toString(),
        value: "0x0", gas: quantity(unsigned.gasLimit), input: hex(unsigned.data),
        maxFeePerGas: quantity(unsigned.maxFeePerGas),
        maxPriorityFeePerGas: quantity(unsigned.maxPriorityFeePerGas), accessList: [],
        v: quantity(tx.v), r: quantity(tx.r), s: quantity(tx.s), sender: from.address.toString(),
    });
}
const result = {
    stateRoot: hex(await stateManager.getStateRoot()),
    txRoot: hex(txTrie.root()),
    receiptsRoot: hex(receiptTrie.root()),
    gasUsed: quantity(gasUsed),
    receipts,
};
const { version } = JSON.parse(readFileSync(require.resolve("@ethereumjs/vm").replace(/dist.*/, "package.json")));
writeFileSync(
    join(here, "sample-100.json"),
    JSON.stringify({ note: `written by sample.mjs; result by @ethereumjs/vm ${version}`,
                     fork: "Cancun", alloc, env, txs, result }, null, 1) + "\n",
);
console.log(result.stateRoot, gasUsed, receipts.filter((r) => r.status === "0x0").length, "reverted");
