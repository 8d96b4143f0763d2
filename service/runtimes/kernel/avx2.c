/* The step for processors with AVX2 and FMA. */
#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif
#define VECTOR 8
#define TALLEST 4
#define BUILD avx2_build
#define BUILD_NAME "avx2"
#include "step.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#else
typedef int nothing; /* a file must not be empty */
#endif
