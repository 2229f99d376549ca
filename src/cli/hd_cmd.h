/* hd_cmd.h - the commands of `heddle`: one function each, called with its own argc and argv. */
#ifndef HD_CMD_H
#define HD_CMD_H

/* Each returns the process's exit status. argv[0] is the command's name. */
#define HD_COMMANDS(X) /* name, function, what it does */ \
    X("demo", hd_cmd_demo, "run a showcase: a token, many transfers, every backend") \
    X("run", hd_cmd_run, "run bytecode and print what it did") \
    X("statetest", hd_cmd_statetest, "run official state tests") \
    X("blocktest", hd_cmd_blocktest, "run official blockchain tests") \
    X("tracetest", hd_cmd_tracetest, "compare step traces with go-ethereum's") \
    X("t8n", hd_cmd_t8n, "state transition tool, as go-ethereum's evm t8n") \
    X("t8n-server", hd_cmd_t8n_server, "t8n over HTTP") \
    X("txtest", hd_cmd_txtest, "run official transaction tests") \
    X("trietest", hd_cmd_trietest, "run official trie tests") \
    X("rlptest", hd_cmd_rlptest, "run official RLP tests") \
    X("difficultytest", hd_cmd_difficultytest, "run official difficulty tests") \
    X("precompiletest", hd_cmd_precompiletest, "run go-ethereum's precompile vectors") \
    X("import", hd_cmd_import, "import a chain of blocks into a store") \
    X("export", hd_cmd_export, "export a store's blocks or a snapshot of its state") \
    X("proof", hd_cmd_proof, "prove accounts and slots of a store, or check a proof") \
    X("replay", hd_cmd_replay, "execute main network blocks with the state before them") \
    X("witness", hd_cmd_witness, "write the state that blocks look at, and prove it enough") \
    X("bench", hd_cmd_bench, "measure executions a second on each backend") \
    X("devices", hd_cmd_devices, "list the backends and GPUs that can be used")

#define HD_X(name, fn, text) int fn(int argc, char **argv);
HD_COMMANDS(HD_X)
#undef HD_X

#endif
