/* hd_precompile_gas.h - which precompiles a fork has, and the gas of a call; shared by host and
   device. */
#ifndef HD_PRECOMPILE_GAS_H
#define HD_PRECOMPILE_GAS_H

#include "base/hd_base.h"
#include "crypto/hd_precompile.h"
#include "evm/hd_fork.h"

#define HD_MODEXP_OSAKA_SZ_MAX 1024u /* EIP-7823: longest base, exponent and modulus */
#define HD_PRECOMPILE_BLS_MSM_MAX_DISCOUNT_CNT \
    128u /* EIP-2537: later pairs get the last discount */

/* hd_precompile_is_active tells whether address `id` is a precompile under `fork`. */
HD_INL int hd_precompile_is_active(uint32_t fork, uint32_t id) {
    if (id == HD_PRECOMPILE_P256)
        return fork >= HD_FORK_OSAKA;
    if (id == 0 || id > HD_PRECOMPILE_BLS_MAP_FP2)
        return 0;
    if (id <= HD_PRECOMPILE_IDENTITY)
        return 1;
    if (id <= HD_PRECOMPILE_BN_PAIRING)
        return fork >= HD_FORK_BYZANTIUM;
    if (id == HD_PRECOMPILE_BLAKE2F)
        return fork >= HD_FORK_ISTANBUL;
    if (id == HD_PRECOMPILE_KZG)
        return fork >= HD_FORK_CANCUN;
    return fork >= HD_FORK_PRAGUE;
}

/* floor(a * b / d) for 0 < d < 2^32, or UINT64_MAX where it does not fit: the 128-bit product in
   32-bit digits, then school division. */
HD_NOINL uint64_t hd_gas_mul_div(uint64_t a, uint64_t b, uint32_t d) {
    uint64_t a0 = a & 0xffffffffu, a1 = a >> 32, b0 = b & 0xffffffffu, b1 = b >> 32;
    uint64_t low = a0 * b0;
    uint64_t mid = a1 * b0 + (low >> 32);
    uint64_t mid2 = a0 * b1 + (mid & 0xffffffffu);
    uint64_t high = a1 * b1 + (mid >> 32) + (mid2 >> 32);
    if (high >= d)
        return UINT64_MAX;
    uint64_t x = high % d << 32 | (mid2 & 0xffffffffu);
    uint64_t q1 = x / d;
    x = x % d << 32 | (low & 0xffffffffu);
    return q1 << 32 | x / d;
}

/* Bits of modexp's exponent that cost: its bit length less one, counting bits beyond the first 32
   bytes by `per_byte` a byte (8, from EIP-7883 on 16). At least 1; UINT64_MAX stands for more than
   64 bits hold. */
HD_NOINL uint64_t hd_modexp_gas_iterations(uint64_t exp_sz, const uint8_t exp_head[32],
                                           uint32_t per_byte) {
    uint32_t head_sz = exp_sz < 32 ? (uint32_t)exp_sz : 32;
    uint64_t r = 0;
    if (exp_sz > 32) {
        if (exp_sz - 32 > (UINT64_MAX - 256) / per_byte)
            return UINT64_MAX;
        r = (exp_sz - 32) * per_byte;
    }
    for (uint32_t i = 0; i < head_sz; i++) {
        uint32_t b = exp_head[i];
        if (b == 0)
            continue;
        uint32_t bit_len = 8 * (head_sz - i);
        for (uint32_t mask = 0x80; !(b & mask); mask >>= 1)
            bit_len--;
        r += bit_len - 1;
        break;
    }
    return r ? r : 1;
}

HD_NOINL uint64_t hd_precompile_modexp_gas(uint32_t fork, const uint8_t head[96],
                                           const uint8_t exp_head[32]) {
    hd_modexp_sizes s = hd_modexp_lens(head);
    uint64_t x = HD_MAX(s.base_sz, s.mod_sz);
    uint64_t words = (x >> 3) + ((x & 7) != 0);
    if (fork >= HD_FORK_OSAKA) { /* EIP-7823 first, then EIP-7883 */
        if (x > HD_MODEXP_OSAKA_SZ_MAX || s.exp_sz > HD_MODEXP_OSAKA_SZ_MAX)
            return UINT64_MAX;
        uint64_t complexity = x <= 32 ? 16 : 2 * words * words;
        uint64_t gas = complexity * hd_modexp_gas_iterations(s.exp_sz, exp_head, 16);
        return HD_MAX(gas, 500u);
    }
    /* Lengths that cost nothing are free even where the exponent's length is absurd. */
    if (x == 0)
        return fork >= HD_FORK_BERLIN ? 200 : 0;
    uint64_t iterations = hd_modexp_gas_iterations(s.exp_sz, exp_head, 8);
    if (iterations == UINT64_MAX || words >> 32)
        return UINT64_MAX;        /* 2^61 and more: out of any transaction's reach */
    if (fork >= HD_FORK_BERLIN) { /* EIP-2565 */
        uint64_t gas = hd_gas_mul_div(words * words, iterations, 3);
        return HD_MAX(gas, 200u);
    }
    uint64_t complexity; /* EIP-198; x < 2^35 here */
    if (x <= 64)
        complexity = x * x;
    else if (x <= 1024)
        complexity = x * x / 4 + 96 * x - 3072;
    else if (x >> 32)
        return UINT64_MAX; /* x^2 / 16 / 20 is above 5 * 10^16 */
    else
        complexity = x * x / 16 + 480 * x - 199680;
    return hd_gas_mul_div(complexity, iterations, 20);
}

/* EIP-2537: thousandths of the price of a single multiplication, for cnt pairs. */
HD_NOINL uint64_t hd_precompile_msm_discount(int is_g2, uint64_t cnt) {
    HD_TABLE(uint16_t, g1, 128) = {
        1000, 949, 848, 797, 764, 750, 738, 728, 719, 712, 705, 698, 692, 687, 682, 677,
        673,  669, 665, 661, 658, 654, 651, 648, 645, 642, 640, 637, 635, 632, 630, 627,
        625,  623, 621, 619, 617, 615, 613, 611, 609, 608, 606, 604, 603, 601, 599, 598,
        596,  595, 593, 592, 591, 589, 588, 586, 585, 584, 582, 581, 580, 579, 577, 576,
        575,  574, 573, 572, 570, 569, 568, 567, 566, 565, 564, 563, 562, 561, 560, 559,
        558,  557, 556, 555, 554, 553, 552, 551, 550, 549, 548, 547, 547, 546, 545, 544,
        543,  542, 541, 540, 540, 539, 538, 537, 536, 536, 535, 534, 533, 532, 532, 531,
        530,  529, 528, 528, 527, 526, 525, 525, 524, 523, 522, 522, 521, 520, 520, 519};
    HD_TABLE(uint16_t, g2, 128) = {
        1000, 1000, 923, 884, 855, 832, 812, 796, 782, 770, 759, 749, 740, 732, 724, 717,
        711,  704,  699, 693, 688, 683, 679, 674, 670, 666, 663, 659, 655, 652, 649, 646,
        643,  640,  637, 634, 632, 629, 627, 624, 622, 620, 618, 615, 613, 611, 609, 607,
        606,  604,  602, 600, 598, 597, 595, 593, 592, 590, 589, 587, 586, 584, 583, 582,
        580,  579,  578, 576, 575, 574, 573, 571, 570, 569, 568, 567, 566, 565, 563, 562,
        561,  560,  559, 558, 557, 556, 555, 554, 553, 552, 552, 551, 550, 549, 548, 547,
        546,  545,  545, 544, 543, 542, 541, 541, 540, 539, 538, 537, 537, 536, 535, 535,
        534,  533,  532, 532, 531, 530, 530, 529, 528, 528, 527, 526, 526, 525, 524, 524};
    uint32_t i = (uint32_t)HD_MIN(cnt, HD_PRECOMPILE_BLS_MSM_MAX_DISCOUNT_CNT) - 1;
    return is_g2 ? g2[i] : g1[i];
}

/* hd_precompile_gas gives the gas of precompile id (active under fork) on in_sz bytes of input.
   head is the input's first 96 bytes, zero padded (hd_precompile_head); exp_head matters for modexp
   only: the 32 bytes after its base, zero padded (hd_precompile_exp_head). Returns UINT64_MAX where
   the call fails whatever its gas. */
HD_INL uint64_t hd_precompile_gas(uint32_t fork, uint32_t id, uint64_t in_sz,
                                  const uint8_t head[96], const uint8_t exp_head[32]) {
    /* Input lies in EVM memory, whose own gas keeps it below 2^40 bytes; the rest is arithmetic. */
    if (in_sz >> 48)
        return UINT64_MAX;
    uint64_t words = (in_sz + 31) / 32;
    switch (id) {
    case HD_PRECOMPILE_ECRECOVER: return 3000;
    case HD_PRECOMPILE_SHA256: return 60 + 12 * words;
    case HD_PRECOMPILE_RIPEMD160: return 600 + 120 * words;
    case HD_PRECOMPILE_IDENTITY: return 15 + 3 * words;
    case HD_PRECOMPILE_MODEXP: return hd_precompile_modexp_gas(fork, head, exp_head);
    case HD_PRECOMPILE_BN_ADD: return fork >= HD_FORK_ISTANBUL ? 150 : 500;
    case HD_PRECOMPILE_BN_MUL: return fork >= HD_FORK_ISTANBUL ? 6000 : 40000;
    case HD_PRECOMPILE_BN_PAIRING:
        return fork >= HD_FORK_ISTANBUL ? 45000 + 34000 * (in_sz / 192)
                                        : 100000 + 80000 * (in_sz / 192);
    /* One gas a round; a wrong length fails in the run, so no price is wrong for it. */
    case HD_PRECOMPILE_BLAKE2F: return in_sz == 213 ? hd_load_be32(head) : UINT64_MAX;
    case HD_PRECOMPILE_KZG: return 50000;
    case HD_PRECOMPILE_BLS_G1_ADD: return 375;
    case HD_PRECOMPILE_BLS_G2_ADD: return 600;
    case HD_PRECOMPILE_BLS_G1_MSM: {
        uint64_t cnt = in_sz / 160;
        return cnt ? cnt * 12000 * hd_precompile_msm_discount(0, cnt) / 1000 : 0;
    }
    case HD_PRECOMPILE_BLS_G2_MSM: {
        uint64_t cnt = in_sz / 288;
        return cnt ? cnt * 22500 * hd_precompile_msm_discount(1, cnt) / 1000 : 0;
    }
    case HD_PRECOMPILE_BLS_PAIRING: return 37700 + 32600 * (in_sz / 384);
    case HD_PRECOMPILE_BLS_MAP_FP: return 5500;
    case HD_PRECOMPILE_BLS_MAP_FP2: return 23800;
    case HD_PRECOMPILE_P256: return 6900;
    default: return UINT64_MAX;
    }
}

#endif
