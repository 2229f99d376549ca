/* hd_chain_config.c - fork schedules: the tests' names, mainnet, go-ethereum's JSON. */
#include "exec/hd_chain_config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- what is known: in order of activation ---- */

#define BLOBS_OF_FORK \
    { 0, 0, 0 }

typedef struct {
    const char *name; /* the tests' */
    const char *key;  /* go-ethereum's in genesis files; NULL: none */
    uint64_t mainnet; /* where it became active there */
    uint32_t by;      /* HD_FORK_BY_... */
    uint32_t fork;    /* HD_FORK_... */
    uint32_t difficulty;
    hd_blob_params blobs; /* zeros: the fork's own */
} known_fork;

#define NEVER UINT64_MAX

static const known_fork known[] = {
    {"Frontier", NULL, 0, HD_FORK_BY_NUMBER, HD_FORK_FRONTIER, HD_DIFFICULTY_FRONTIER,
     BLOBS_OF_FORK},
    {"Homestead", "homesteadBlock", 1150000, HD_FORK_BY_NUMBER, HD_FORK_HOMESTEAD,
     HD_DIFFICULTY_HOMESTEAD, BLOBS_OF_FORK},
    {"EIP150", "eip150Block", 2463000, HD_FORK_BY_NUMBER, HD_FORK_TANGERINE,
     HD_DIFFICULTY_HOMESTEAD, BLOBS_OF_FORK},
    {"EIP158", "eip158Block", 2675000, HD_FORK_BY_NUMBER, HD_FORK_SPURIOUS, HD_DIFFICULTY_HOMESTEAD,
     BLOBS_OF_FORK},
    {"Byzantium", "byzantiumBlock", 4370000, HD_FORK_BY_NUMBER, HD_FORK_BYZANTIUM,
     HD_DIFFICULTY_BYZANTIUM, BLOBS_OF_FORK},
    {"Constantinople", "constantinopleBlock", 7280000, HD_FORK_BY_NUMBER, HD_FORK_CONSTANTINOPLE,
     HD_DIFFICULTY_CONSTANTINOPLE, BLOBS_OF_FORK},
    {"ConstantinopleFix", "petersburgBlock", 7280000, HD_FORK_BY_NUMBER, HD_FORK_PETERSBURG,
     HD_DIFFICULTY_CONSTANTINOPLE, BLOBS_OF_FORK},
    {"Istanbul", "istanbulBlock", 9069000, HD_FORK_BY_NUMBER, HD_FORK_ISTANBUL,
     HD_DIFFICULTY_CONSTANTINOPLE, BLOBS_OF_FORK},
    {"MuirGlacier", "muirGlacierBlock", 9200000, HD_FORK_BY_NUMBER, HD_FORK_ISTANBUL,
     HD_DIFFICULTY_MUIR_GLACIER, BLOBS_OF_FORK},
    {"Berlin", "berlinBlock", 12244000, HD_FORK_BY_NUMBER, HD_FORK_BERLIN,
     HD_DIFFICULTY_MUIR_GLACIER, BLOBS_OF_FORK},
    {"London", "londonBlock", 12965000, HD_FORK_BY_NUMBER, HD_FORK_LONDON, HD_DIFFICULTY_LONDON,
     BLOBS_OF_FORK},
    {"ArrowGlacier", "arrowGlacierBlock", 13773000, HD_FORK_BY_NUMBER, HD_FORK_LONDON,
     HD_DIFFICULTY_ARROW_GLACIER, BLOBS_OF_FORK},
    {"GrayGlacier", "grayGlacierBlock", 15050000, HD_FORK_BY_NUMBER, HD_FORK_LONDON,
     HD_DIFFICULTY_GRAY_GLACIER, BLOBS_OF_FORK},
    {"Paris", NULL, 0, HD_FORK_BY_DIFFICULTY, HD_FORK_PARIS, HD_DIFFICULTY_GRAY_GLACIER,
     BLOBS_OF_FORK},
    {"Shanghai", "shanghaiTime", 1681338455, HD_FORK_BY_TIME, HD_FORK_SHANGHAI,
     HD_DIFFICULTY_GRAY_GLACIER, BLOBS_OF_FORK},
    {"Cancun", "cancunTime", 1710338135, HD_FORK_BY_TIME, HD_FORK_CANCUN,
     HD_DIFFICULTY_GRAY_GLACIER, BLOBS_OF_FORK},
    {"Prague", "pragueTime", 1746612311, HD_FORK_BY_TIME, HD_FORK_PRAGUE,
     HD_DIFFICULTY_GRAY_GLACIER, BLOBS_OF_FORK},
    {"Osaka", "osakaTime", 1764798551, HD_FORK_BY_TIME, HD_FORK_OSAKA, HD_DIFFICULTY_GRAY_GLACIER,
     BLOBS_OF_FORK},
    {"BPO1",
     "bpo1Time",
     1765290071,
     HD_FORK_BY_TIME,
     HD_FORK_OSAKA,
     HD_DIFFICULTY_GRAY_GLACIER,
     {10, 15, 8346193}},
    {"BPO2",
     "bpo2Time",
     1767747671,
     HD_FORK_BY_TIME,
     HD_FORK_OSAKA,
     HD_DIFFICULTY_GRAY_GLACIER,
     {14, 21, 11684671}},
    {"BPO3",
     "bpo3Time",
     NEVER,
     HD_FORK_BY_TIME,
     HD_FORK_OSAKA,
     HD_DIFFICULTY_GRAY_GLACIER,
     {21, 32, 20609697}},
    {"BPO4",
     "bpo4Time",
     NEVER,
     HD_FORK_BY_TIME,
     HD_FORK_OSAKA,
     HD_DIFFICULTY_GRAY_GLACIER,
     {14, 21, 13739630}},
    {"BPO5",
     "bpo5Time",
     NEVER,
     HD_FORK_BY_TIME,
     HD_FORK_OSAKA,
     HD_DIFFICULTY_GRAY_GLACIER,
     {14, 21, 13739630}},
};

#define KNOWN_CNT (sizeof known / sizeof known[0])

/* Other names of the same rules. */
static const struct {
    const char *name;
    const char *means;
} aliases[] = {
    {"TangerineWhistle", "EIP150"},
    {"SpuriousDragon", "EIP158"},
    {"Petersburg", "ConstantinopleFix"},
    {"Dao", "Homestead"},
    {"DAOFork", "Homestead"},
    {"Merge", "Paris"},
};

/* Members of a config that end in Block or Time and are no fork of their own: 155 came with 158,
   the split marks a network's nodes alone, and the DAO's is read by itself. */
static const char *const not_forks[] = {"eip155Block", "mergeNetsplitBlock", "daoForkBlock"};

static void fill_fork(hd_chain_fork *f, const known_fork *k, uint32_t by, uint64_t at) {
    memset(f, 0, sizeof *f);
    snprintf(f->name, sizeof f->name, "%s", k->name);
    f->at = at;
    f->by = by;
    f->fork = k->fork;
    f->difficulty = k->difficulty;
    f->blobs = k->blobs.update_fraction ? k->blobs : hd_blob_params_of(k->fork);
}

static void put_fork(hd_chain_config *config, const known_fork *k, uint32_t by, uint64_t at) {
    /* The known ones are fewer; unknown ones are counted where they are read. */
    if (config->fork_cnt < HD_CHAIN_FORK_CNT_MAX)
        fill_fork(&config->forks[config->fork_cnt++], k, by, at);
}

static void start(hd_chain_config *out) {
    memset(out, 0, sizeof *out);
    out->chain_id = 1;
    out->deposit_contract = hd_deposit_contract_address();
}

/* ---- asking ---- */

static int is_active(const hd_chain_fork *f, const hd_chain_config *config,
                     const hd_chain_place *place, int is_merged) {
    switch (f->by) {
    case HD_FORK_BY_NUMBER: return place->number >= f->at;
    case HD_FORK_BY_TIME: return is_merged && place->timestamp >= f->at;
    default:
        return config->flags & HD_CHAIN_HAS_TERMINAL &&
               !hd_u256_lt(place->parent_difficulty, config->terminal_difficulty);
    }
}

/* EIP-779: the fork's block moves ether; it and nine more say which side they are on. */
static uint32_t dao_flags(const hd_chain_config *config, uint64_t number) {
    if (!(config->flags & HD_CHAIN_HAS_DAO) || number < config->dao_number ||
        number - config->dao_number >= 10)
        return 0;
    if (!(config->flags & HD_CHAIN_DAO_SUPPORT))
        return HD_RULES_DAO_NOT;
    return number == config->dao_number ? HD_RULES_DAO_MOVE | HD_RULES_DAO_EXTRA
                                        : HD_RULES_DAO_EXTRA;
}

hd_err hd_chain_rules_at(hd_chain_rules *out, hd_msg *msg, const hd_chain_config *config,
                         const hd_chain_place *place) {
    const hd_chain_fork *now = NULL;
    memset(out, 0, sizeof *out);
    for (uint32_t i = 0; i < config->fork_cnt; i++) {
        const hd_chain_fork *f = &config->forks[i];
        if (!is_active(f, config, place, now && now->fork >= HD_FORK_PARIS))
            continue;
        if (f->fork >= HD_CHAIN_FORK_UNKNOWN) {
            hd_msg_set(msg,
                       "block %" PRIu64 " (time %" PRIu64 ") is past \"%s\" (%" PRIu64
                       "), a fork that this version does not know",
                       place->number, place->timestamp, f->name, f->at);
            return HD_ERR_UNSUPPORTED;
        }
        now = f;
    }
    if (!now) {
        hd_msg_set(msg, "the chain's configuration has no rules for block %" PRIu64, place->number);
        return HD_ERR_UNSUPPORTED;
    }
    out->fork = now->fork;
    out->difficulty = now->difficulty;
    out->blobs = now->blobs;
    out->chain_id = config->chain_id;
    out->deposit_contract = config->deposit_contract;
    out->name = now->name;
    out->flags = dao_flags(config, place->number);
    if (now->fork >= HD_FORK_PARIS)
        out->flags |= HD_RULES_MERGED;
    return HD_OK;
}

hd_chain_place hd_chain_place_of(const hd_chain_config *config, const hd_header *h) {
    hd_chain_place place = {.number = h->number, .timestamp = h->timestamp};
    if (hd_u256_is_zero(h->difficulty))
        place.parent_difficulty = config->terminal_difficulty;
    return place;
}

/* ---- names ---- */

static const known_fork *find_known(const char *name, size_t name_sz) {
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++)
        if (strlen(aliases[i].name) == name_sz && memcmp(aliases[i].name, name, name_sz) == 0) {
            name = aliases[i].means;
            name_sz = strlen(name);
            break;
        }
    for (size_t i = 0; i < KNOWN_CNT; i++)
        if (strlen(known[i].name) == name_sz && memcmp(known[i].name, name, name_sz) == 0)
            return &known[i];
    return NULL;
}

int hd_chain_fork_find(hd_chain_fork *out, const char *name, size_t name_sz) {
    const known_fork *k = find_known(name, name_sz);
    if (k)
        fill_fork(out, k, HD_FORK_BY_NUMBER, 0);
    return k != NULL;
}

const char *hd_chain_fork_name(uint32_t fork) {
    for (size_t i = 0; i < KNOWN_CNT; i++)
        if (known[i].fork == fork)
            return known[i].name;
    return "unknown";
}

static hd_err refuse_name(hd_msg *msg, const char *name) {
    hd_msg_set(msg, "unknown network \"%.100s\"", name);
    return HD_ERR_UNSUPPORTED;
}

/* A number in text[0,..): decimal with an optional k for thousands; 0 when it is none. */
static int read_place(uint64_t *out, const char *text) {
    uint64_t x = 0;
    size_t i = 0;
    for (; text[i] >= '0' && text[i] <= '9'; i++) {
        if (i == 15)
            return 0;
        x = 10 * x + (uint64_t)(text[i] - '0');
    }
    if (i && text[i] == 'k') {
        x *= 1000;
        i++;
    }
    *out = x;
    return i > 0 && text[i] == 0;
}

static int read_difficulty(hd_u256 *out, const char *text) {
    uint64_t x = 0;
    size_t i = 0;
    for (; text[i]; i++) {
        char c = text[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (digit < 0 || i == 16)
            return 0;
        x = x << 4 | (uint64_t)digit;
    }
    *out = hd_u256_from_u64(x);
    return i > 0;
}

hd_err hd_chain_config_named(hd_chain_config *out, hd_msg *msg, const char *name) {
    start(out);
    const known_fork *whole = find_known(name, strlen(name));
    if (whole) {
        put_fork(out, whole, HD_FORK_BY_NUMBER, 0);
        return HD_OK;
    }
    /* "AToBAt5" changes at a block number, "AToBAtTime15k" at a time, "AToBAtDiffC0000" when the
       parent's total difficulty (hexadecimal) is reached. */
    const char *to = strstr(name, "To");
    const char *at = to ? strstr(to + 2, "At") : NULL;
    if (!at)
        return refuse_name(msg, name);
    const known_fork *before = find_known(name, (size_t)(to - name));
    const known_fork *after = find_known(to + 2, (size_t)(at - to - 2));
    uint64_t place = 0;
    if (!before || !after)
        return refuse_name(msg, name);
    put_fork(out, before, HD_FORK_BY_NUMBER, 0);
    if (strncmp(at, "AtDiff", 6) == 0) {
        if (!read_difficulty(&out->terminal_difficulty, at + 6))
            return refuse_name(msg, name);
        out->flags |= HD_CHAIN_HAS_TERMINAL;
        put_fork(out, after, HD_FORK_BY_DIFFICULTY, 0);
        return HD_OK;
    }
    if (strncmp(at, "AtTime", 6) == 0) {
        if (!read_place(&place, at + 6))
            return refuse_name(msg, name);
        put_fork(out, after, HD_FORK_BY_TIME, place);
        return HD_OK;
    }
    if (!read_place(&place, at + 2))
        return refuse_name(msg, name);
    put_fork(out, after, HD_FORK_BY_NUMBER, place);
    if (memcmp(to + 2, "Dao", 3) == 0) {
        out->flags |= HD_CHAIN_HAS_DAO | HD_CHAIN_DAO_SUPPORT;
        out->dao_number = place;
    }
    return HD_OK;
}

void hd_chain_config_mainnet(hd_chain_config *out) {
    start(out);
    for (size_t i = 0; i < KNOWN_CNT; i++)
        if (known[i].mainnet != NEVER)
            put_fork(out, &known[i], known[i].by, known[i].mainnet);
    out->flags = HD_CHAIN_HAS_DAO | HD_CHAIN_DAO_SUPPORT | HD_CHAIN_HAS_TERMINAL;
    out->dao_number = 1920000;
    /* 58,750,000,000,000,000,000,000 */
    out->terminal_difficulty = hd_u256_make(0, 0, 0xc70, 0xd808a128d7380000ull);
}

/* ---- go-ethereum's JSON ---- */

static int has_end(const char *text, const char *end) {
    size_t sz = strlen(text), end_sz = strlen(end);
    return sz >= end_sz && memcmp(text + sz - end_sz, end, end_sz) == 0;
}

static int is_known_key(const char *key) {
    for (size_t i = 0; i < KNOWN_CNT; i++)
        if (known[i].key && strcmp(known[i].key, key) == 0)
            return 1;
    for (size_t i = 0; i < sizeof not_forks / sizeof not_forks[0]; i++)
        if (strcmp(not_forks[i], key) == 0)
            return 1;
    return 0;
}

/* Forks that we do not know come last: whatever else is active, they must not be passed. */
static hd_err read_unknown(hd_chain_config *out, hd_msg *msg, hd_json val) {
    for (hd_json_iter it = hd_json_begin(val); hd_json_next(&it);) {
        known_fork k = {.name = it.key, .fork = HD_CHAIN_FORK_UNKNOWN};
        int is_time = has_end(it.key, "Time");
        uint64_t at;
        if (hd_json_is_null(it.val) || (!is_time && !has_end(it.key, "Block")) ||
            is_known_key(it.key))
            continue;
        if (out->fork_cnt == HD_CHAIN_FORK_CNT_MAX)
            return hd_json_fail(msg, val, "more than %u forks", HD_CHAIN_FORK_CNT_MAX);
        hd_err err = hd_json_u64(&at, msg, it.val);
        if (err != HD_OK)
            return err;
        put_fork(out, &k, is_time ? HD_FORK_BY_TIME : HD_FORK_BY_NUMBER, at);
    }
    return HD_OK;
}

static hd_err read_known(hd_chain_config *out, hd_msg *msg, hd_json val) {
    hd_json member;
    uint64_t at, last[3] = {0};
    for (size_t i = 0; i < KNOWN_CNT; i++) {
        const known_fork *k = &known[i];
        hd_err err = HD_OK;
        if (k->by == HD_FORK_BY_DIFFICULTY) {
            if (out->flags & HD_CHAIN_HAS_TERMINAL)
                put_fork(out, k, k->by, 0);
            continue;
        }
        if (!k->key) {
            put_fork(out, k, HD_FORK_BY_NUMBER, 0);
            continue;
        }
        if (hd_json_find(&member, val, k->key))
            err = hd_json_u64(&at, msg, member);
        else if (k->fork == HD_FORK_PETERSBURG && hd_json_find(&member, val, "constantinopleBlock"))
            err = hd_json_u64(&at, msg, member); /* without a place of its own it comes at once */
        else
            continue;
        if (err != HD_OK)
            return err;
        if (at < last[k->by])
            return hd_json_fail(msg, member, "%s comes before the fork that precedes it", k->key);
        last[k->by] = at;
        put_fork(out, k, k->by, at);
    }
    return HD_OK;
}

hd_err hd_chain_config_read(hd_chain_config *out, hd_msg *msg, hd_json val) {
    hd_json member;
    hd_hash word;
    uint32_t is_yes = 0;
    hd_err err = HD_OK;
    start(out);
    if (!hd_json_is_object(val))
        return hd_json_fail(msg, val, "a chain's configuration is expected");
    if (hd_json_find(&member, val, "chainId"))
        err = hd_json_u64(&out->chain_id, msg, member);
    if (err == HD_OK && hd_json_find(&member, val, "terminalTotalDifficulty")) {
        err = hd_json_num(&word, msg, member);
        if (err == HD_OK)
            out->terminal_difficulty = hd_u256_load_be(word.b);
        out->flags |= HD_CHAIN_HAS_TERMINAL;
    }
    if (err == HD_OK && hd_json_find(&member, val, "depositContractAddress"))
        err = hd_json_address(&out->deposit_contract, msg, member);
    if (err == HD_OK && hd_json_find(&member, val, "daoForkBlock")) {
        err = hd_json_u64(&out->dao_number, msg, member);
        out->flags |= HD_CHAIN_HAS_DAO;
    }
    if (err == HD_OK && hd_json_find(&member, val, "daoForkSupport")) {
        err = hd_json_bool(&is_yes, msg, member);
        if (is_yes)
            out->flags |= HD_CHAIN_DAO_SUPPORT;
    }
    if (err == HD_OK)
        err = read_known(out, msg, val);
    if (err == HD_OK && hd_json_find(&member, val, "blobSchedule"))
        err = hd_chain_config_blobs(out, msg, member);
    return err == HD_OK ? read_unknown(out, msg, val) : err;
}

hd_err hd_blob_params_read(hd_blob_params *out, hd_msg *msg, hd_json val) {
    uint64_t target, max;
    hd_err err = hd_json_get_u64(&target, msg, val, "target");
    if (err == HD_OK)
        err = hd_json_get_u64(&max, msg, val, "max");
    if (err == HD_OK)
        err = hd_json_get_u64(&out->update_fraction, msg, val, "baseFeeUpdateFraction");
    if (err != HD_OK)
        return err;
    if (target > max || max > 4096 || out->update_fraction == 0)
        return hd_json_fail(msg, val, "target <= max <= 4096 and a fraction above 0 are expected");
    out->target_cnt = (uint32_t)target;
    out->max_cnt = (uint32_t)max;
    return HD_OK;
}

hd_err hd_chain_config_blobs(hd_chain_config *config, hd_msg *msg, hd_json val) {
    const hd_blob_params *named = NULL; /* of the last entry that the schedule names */
    if (!hd_json_is_object(val))
        return hd_json_fail(msg, val, "an object of forks is expected");
    for (uint32_t i = 0; i < config->fork_cnt; i++) {
        hd_chain_fork *f = &config->forks[i];
        int is_named = 0;
        for (hd_json_iter it = hd_json_begin(val); !is_named && hd_json_next(&it);) {
            if (strcasecmp(it.key, f->name) != 0 || hd_json_is_null(it.val))
                continue;
            hd_err err = hd_blob_params_read(&f->blobs, msg, it.val);
            if (err != HD_OK)
                return err;
            is_named = 1;
        }
        /* A fork that says nothing of blobs leaves them as they were (EIP-7892). */
        if (is_named)
            named = &f->blobs;
        else if (named)
            f->blobs = *named;
    }
    return HD_OK;
}
