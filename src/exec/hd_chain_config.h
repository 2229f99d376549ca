/* hd_chain_config.h - which rules a chain's block obeys: the fork schedule, by block number, total
   difficulty and time.

   Host only; a config is plain data that nobody changes once it is made, so any number of threads
   may ask it. Sources: the fork EIPs, EIP-3675 (terminal total difficulty), EIP-7840 (blob
   schedule), EIP-7892 (forks of blob parameters alone), and the JSON that go-ethereum reads. */
#ifndef HD_CHAIN_CONFIG_H
#define HD_CHAIN_CONFIG_H

#include "base/hd_json.h"
#include "base/hd_msg.h"
#include "evm/hd_block.h"
#include "exec/hd_block_rules.h"

#define HD_CHAIN_FORK_CNT_MAX 64u
#define HD_CHAIN_FORK_NAME_SZ 32u

/* How an entry of the schedule becomes active. */
#define HD_FORK_BY_NUMBER 0u
#define HD_FORK_BY_DIFFICULTY \
    1u                     /* Paris: the parent's total difficulty has reached the terminal \
                            */
#define HD_FORK_BY_TIME 2u /* and only after Paris */

#define HD_CHAIN_FORK_UNKNOWN HD_FORK_CNT /* .fork of an entry whose rules we do not know */

typedef struct {
    char name[HD_CHAIN_FORK_NAME_SZ]; /* "Osaka", "BPO1"; of an unknown one its key */
    uint64_t at;                      /* number or seconds; nothing for HD_FORK_BY_DIFFICULTY */
    uint32_t by;                      /* HD_FORK_BY_... */
    uint32_t fork;                    /* HD_FORK_... or HD_CHAIN_FORK_UNKNOWN */
    uint32_t difficulty;              /* HD_DIFFICULTY_... */
    hd_blob_params blobs;
} hd_chain_fork;

#define HD_CHAIN_HAS_DAO 1u      /* dao_number counts */
#define HD_CHAIN_DAO_SUPPORT 2u  /* the side that moved the ether */
#define HD_CHAIN_HAS_TERMINAL 4u /* terminal_difficulty counts */

typedef struct {
    uint64_t chain_id;
    hd_u256 terminal_difficulty;
    uint64_t dao_number;
    hd_address deposit_contract; /* EIP-6110 */
    uint32_t flags;              /* HD_CHAIN_... */
    uint32_t fork_cnt;
    hd_chain_fork forks[HD_CHAIN_FORK_CNT_MAX]; /* in order of activation: the last active counts */
} hd_chain_config;

/* ---- the rules of one block */
#define HD_RULES_MERGED 1u    /* from Paris: no proof of work */
#define HD_RULES_DAO_MOVE 2u  /* the block in which the DAO's ether is moved */
#define HD_RULES_DAO_EXTRA 4u /* extra data must be "dao-hard-fork" */
#define HD_RULES_DAO_NOT 8u   /* extra data must not be that */

typedef struct {
    uint32_t fork;       /* HD_FORK_... */
    uint32_t difficulty; /* HD_DIFFICULTY_... */
    uint32_t flags;      /* HD_RULES_... */
    uint32_t reserved;
    hd_blob_params blobs; /* zeros before Cancun */
    uint64_t chain_id;
    hd_address deposit_contract;
    const char *name; /* of the schedule's entry, as long as the config lives */
} hd_chain_rules;

/* Where a block stands. parent_difficulty is the total difficulty up to and with its parent (zero
   for the first block); it is looked at only where the config has a terminal difficulty. */
typedef struct {
    uint64_t number;
    uint64_t timestamp; /* seconds */
    hd_u256 parent_difficulty;
} hd_chain_place;

/* hd_chain_rules_at: HD_OK, or HD_ERR_UNSUPPORTED with msg when the block lies at or past a fork
   that we do not know: it must not be executed by older rules. */
hd_err hd_chain_rules_at(hd_chain_rules *out, hd_msg *msg, const hd_chain_config *config,
                         const hd_chain_place *place);

/* The place of a block that is known to be valid: a header without difficulty lies after the merge.
   For blocks without their chain (replay, witnesses). */
hd_chain_place hd_chain_place_of(const hd_chain_config *config, const hd_header *h);

/* ---- names */

/* hd_chain_fork_find gives 1 and the rules of one fork by the tests' name for it (by number, at 0),
   else 0; hd_chain_fork_name the first name of a HD_FORK_..., "unknown" beyond them. */
int hd_chain_fork_find(hd_chain_fork *out, const char *name, size_t name_sz);
const char *hd_chain_fork_name(uint32_t fork);

/* ---- making a config */

/* hd_chain_config_named knows the tests' networks: a fork's name ("Frontier", "EIP150", "Berlin",
   "Merge", "BPO1", ...), or two of them with the place of the change: "BerlinToLondonAt5",
   "CancunToPragueAtTime15k", "HomesteadToDaoAt5", "ArrowGlacierToParisAtDiffC0000". Chain id 1,
   mainnet's blob parameters and deposit contract. HD_ERR_UNSUPPORTED. */
hd_err hd_chain_config_named(hd_chain_config *out, hd_msg *msg, const char *name);

/* Ethereum's main network, Frontier to BPO2. */
void hd_chain_config_mainnet(hd_chain_config *out);

/* hd_chain_config_read reads "config" of a genesis file in go-ethereum's format (homesteadBlock ...
   osakaTime, bpo1Time ..., blobSchedule, terminalTotalDifficulty, depositContractAddress,
   daoForkBlock, daoForkSupport). A member that ends in Block or Time and is none that we know
   becomes an entry of an unknown fork. HD_ERR_FORMAT (also for a schedule out of order),
   HD_ERR_LIMIT. */
hd_err hd_chain_config_read(hd_chain_config *out, hd_msg *msg, hd_json val);

/* hd_chain_config_blobs puts a blob schedule ({"Cancun" or "cancun": {target, max,
   baseFeeUpdateFraction}, ...}) in place of the parameters of the entries it names; entries after a
   named one that it does not name get that one's. HD_ERR_FORMAT. */
hd_err hd_chain_config_blobs(hd_chain_config *config, hd_msg *msg, hd_json val);
/* One such {target, max, baseFeeUpdateFraction}. */
hd_err hd_blob_params_read(hd_blob_params *out, hd_msg *msg, hd_json val);

#endif
