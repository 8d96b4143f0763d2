/* The step for processors with AVX-512. */
#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,prefer-vector-width=512")
#endif
#define VECTOR 16
#define TALLEST 8
#define BUILD avx512_build
#define BUILD_NAME "avx512"
#include "step.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#else
typedef int nothing; /* a file must not be empty */
#endif
