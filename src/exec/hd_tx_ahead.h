/* hd_tx_ahead.h - asks for the memory that a transaction will look at soon. */
#ifndef HD_TX_AHEAD_H
#define HD_TX_AHEAD_H

#include "evm/hd_evm.h"

/* is_near 0: the places of its sender and recipient in the world's table; 1: the accounts that
   stand there, if the table's places have come by now. */
static inline void hd_tx_ahead(const hd_world *w, const hd_tx *tx, int is_near) {
    const hd_address *wires[2] = {&tx->sender, &tx->to};
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t addr[5];
        hd_addr_from_wire(addr, wires[i]);
        const uint32_t *place =
            &w->account_table[hd_world_account_hash(w->seed, addr) & w->account_mask];
        if (!is_near) {
            __builtin_prefetch(place);
        } else if (*place) {
            __builtin_prefetch(&w->accounts[*place - 1]);
            __builtin_prefetch((const char *)&w->accounts[*place - 1] + 64);
        }
    }
}

#endif
