/* hd_genesis.h - the first block of a chain, and the accounts it begins with, from go-ethereum's
   genesis.json.

   Readers return HD_OK, HD_ERR_NOMEM, or HD_ERR_FORMAT with "FILE: PLACE: what is expected" in
   msg. */
#ifndef HD_GENESIS_H
#define HD_GENESIS_H

#include "base/hd_json.h"
#include "evm/hd_block.h"
#include "exec/hd_chain_config.h"
#include "state/hd_state.h"

/* hd_genesis_alloc_read adds accounts to a state: {"ADDRESS": {"balance", "nonce", "code",
   "storage"}}, addresses with or without 0x, numbers in decimal or hexadecimal. Only the balance
   must be there. */
hd_err hd_genesis_alloc_read(hd_state *s, hd_msg *msg, hd_json val);

/* hd_genesis_read reads a whole genesis file: "config" into config, "alloc" into s (which should be
   empty), the header's fields and, from these, the block with its roots and hash. Which fields the
   header has follows from the rules at its number and timestamp. HD_ERR_UNSUPPORTED when these are
   of a fork that we do not know. */
hd_err hd_genesis_read(hd_block *out, hd_chain_config *config, hd_state *s, hd_msg *msg,
                       hd_json val);

/* hd_genesis_load does so with a file. Numbers of more than 64 bits, such as mainnet's terminal
   total difficulty, may stand there without quotes. Also HD_ERR_ABSENT, HD_ERR_IO, HD_ERR_LIMIT. */
hd_err hd_genesis_load(hd_block *out, hd_chain_config *config, hd_state *s, hd_msg *msg,
                       const char *path);

#endif
