/* hd_mutation.h - rules of parallel execution that a build leaves out on purpose.

   A test that cannot fail proves nothing. Compiled with -DHD_MUTATION=N, one rule is missing, and
   tests/mutations.sh demands that the tests notice. Elsewhere HD_MUTATION is 0, and HD_KEEPS is
   constant. The script reads the kinds from this list: number, name, and the file whose object
   holds the rule. */
#ifndef HD_MUTATION_H
#define HD_MUTATION_H

#ifndef HD_MUTATION
#define HD_MUTATION 0
#endif

/* What is not compared when reads are validated. */
#define HD_MUTATION_ALL 1      /* exec/hd_version_rules.c: anything at all */
#define HD_MUTATION_CODE 2     /* exec/hd_version_rules.c: an account's code */
#define HD_MUTATION_NONCE 3    /* exec/hd_version_rules.c: nonces */
#define HD_MUTATION_BALANCE 4  /* exec/hd_version_rules.c: exact balances */
#define HD_MUTATION_AT_LEAST 5 /* exec/hd_version_rules.c: that a balance sufficed */
#define HD_MUTATION_BELOW 6    /* exec/hd_version_rules.c: that a balance did not suffice */
#define HD_MUTATION_EXISTS 7   /* exec/hd_version_rules.c: existence (before EIP-158) */
#define HD_MUTATION_STORAGE 8  /* exec/hd_version_rules.c: that there is storage (EIP-7610) */
#define HD_MUTATION_SLOT 9     /* exec/hd_version_rules.c: slots */
#define HD_MUTATION_ASSUMED 10 /* exec/hd_version_rules.c: a sender that was assumed */
#define HD_MUTATION_LATE 11    /* exec/hd_version_rules.c: the world, of what ran again */

/* What is lost when write sets are folded and committed. */
#define HD_MUTATION_FEES 12         /* exec/hd_version_index.c: fees that somebody saw */
#define HD_MUTATION_SUM 13          /* exec/hd_version_rules.c: what others added to a balance */
#define HD_MUTATION_TOUCH 14        /* exec/hd_version_rules.c: touched empties go (EIP-158) */
#define HD_MUTATION_TOUCH_OLD 15    /* exec/hd_version_rules.c: touches create (before it) */
#define HD_MUTATION_WIPED_COMMIT 16 /* exec/hd_version_index.c: destroyed slots stay gone */
#define HD_MUTATION_JUMPS 17        /* exec/hd_version_index.c: new code's jump destinations */
#define HD_MUTATION_OVER 18         /* exec/hd_exec_ordered.c: the block's limits */
#define HD_MUTATION_FINAL 19        /* exec/hd_exec_ordered.c: a round for what is still invalid */

/* What execution does not note. */
#define HD_MUTATION_SAW_REVERTED 20 /* exec/hd_binding_plain.c: what was seen before a revert */
#define HD_MUTATION_SAW_EMPTY 21    /* exec/hd_binding_plain.c: emptiness */
#define HD_MUTATION_SAW_PRESENT 22  /* exec/hd_binding_plain.c: existence (before EIP-158) */
#define HD_MUTATION_SAW_ENOUGH 23   /* exec/hd_binding_plain.c: that a balance sufficed, or not */
#define HD_MUTATION_WRAP 24 /* exec/hd_binding_tagged.c: that bounds are void where sums wrap */

/* What tagged runs do not note of slots, and what is not compared. */
#define HD_MUTATION_TAG_LO 25       /* exec/hd_version_rules.c: that a slot held enough */
#define HD_MUTATION_TAG_HI 26       /* exec/hd_version_rules.c: that a slot held little enough */
#define HD_MUTATION_TAG_GAS 27      /* exec/hd_binding_tagged.c: what SSTORE's gas rule compares */
#define HD_MUTATION_TAG_PIN 28      /* exec/hd_binding_tagged.c: what an instruction consumes */
#define HD_MUTATION_TAG_REVERTED 29 /* exec/hd_binding_tagged.c: whether a slot is a sum again */

/* 1 unless the build leaves the rule out. */
#define HD_KEEPS(kind) (HD_MUTATION != (kind))

#endif
