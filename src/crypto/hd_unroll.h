/* hd_unroll.h - HD_UNROLL(n) in front of a `for` asks every compiler to unroll it, so that indexes
   into small local arrays become constants and the arrays live in registers. */
#ifndef HD_UNROLL_H
#define HD_UNROLL_H

#define HD_UNROLL_TEXT(x) _Pragma(#x)
#if defined(__CUDACC__)
#define HD_UNROLL(n) _Pragma("unroll")
#elif defined(__clang__)
#define HD_UNROLL(n) HD_UNROLL_TEXT(clang loop unroll_count(n))
#elif defined(__GNUC__)
#define HD_UNROLL(n) HD_UNROLL_TEXT(GCC unroll n)
#else
#define HD_UNROLL(n)
#endif

#endif
