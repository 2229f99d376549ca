/* evm_compare.h - whether two backends gave the same results, to the last byte. */
#ifndef EVM_COMPARE_H
#define EVM_COMPARE_H

#include <stdio.h>
#include <string.h>

#include "exec/hd_exec.h"

/* A receipt without what may differ: where its ranges lie, and, on request, the work units, which
   depend on where a run was interrupted. */
static inline hd_receipt compare_receipt(hd_receipt r, int with_work) {
    r.output_off = r.account_off = r.slot_off = r.log_off = 0;
    if (!with_work)
        r.work = 0;
    return r;
}

/* What differs first in the two results of transaction i, in a few words; NULL: nothing. */
static inline const char *compare_tx(const hd_results *a, const hd_results *b, size_t i,
                                     int with_work) {
    hd_receipt ra = compare_receipt(a->receipts[i], with_work);
    hd_receipt rb = compare_receipt(b->receipts[i], with_work);
    if (ra.status != rb.status)
        return "status";
    if (ra.error != rb.error)
        return "error";
    if (ra.gas_used != rb.gas_used)
        return "gas used";
    if (ra.work != rb.work)
        return "work";
    if (memcmp(&ra, &rb, sizeof ra) != 0)
        return "receipt";
    const hd_receipt *x = &a->receipts[i], *y = &b->receipts[i];
    if (ra.output_sz &&
        memcmp(a->bytes + x->output_off, b->bytes + y->output_off, ra.output_sz) != 0)
        return "output";
    for (uint32_t k = 0; k < ra.account_cnt; k++) {
        hd_account_diff p = a->accounts[x->account_off + k], q = b->accounts[y->account_off + k];
        if (p.code_sz == q.code_sz && p.code_sz &&
            memcmp(a->bytes + p.code_off, b->bytes + q.code_off, p.code_sz) != 0)
            return "code";
        p.code_off -= x->output_off;
        q.code_off -= y->output_off;
        if (memcmp(&p, &q, sizeof p) != 0)
            return "account";
    }
    if (ra.slot_cnt &&
        memcmp(a->slots + x->slot_off, b->slots + y->slot_off, ra.slot_cnt * sizeof *a->slots) != 0)
        return "slot";
    for (uint32_t k = 0; k < ra.log_cnt; k++) {
        hd_log_entry p = a->logs[x->log_off + k], q = b->logs[y->log_off + k];
        if (p.data_sz == q.data_sz && p.data_sz &&
            memcmp(a->bytes + p.data_off, b->bytes + q.data_off, p.data_sz) != 0)
            return "log data";
        p.data_off -= x->output_off;
        q.data_off -= y->output_off;
        if (memcmp(&p, &q, sizeof p) != 0)
            return "log";
    }
    return NULL;
}

static inline void compare_print(const char *name, const hd_receipt *r) {
    fprintf(stderr,
            "  %-7s %s%s%s, gas %llu, refund %llu, work %llu, pc %u; %u accounts, %u slots, "
            "%u logs, %u bytes\n",
            name, hd_tx_status_name(r->status), r->error ? ": " : "", hd_evm_error_name(r->error),
            (unsigned long long)r->gas_used, (unsigned long long)r->gas_refund,
            (unsigned long long)r->work, r->error_pc, r->account_cnt, r->slot_cnt, r->log_cnt,
            r->output_sz);
}

#endif
