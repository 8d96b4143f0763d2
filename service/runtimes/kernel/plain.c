/* The step for any processor: four floats at a time, as SSE2 and NEON have them. */
#define VECTOR 4
#define TALLEST 4
#define BUILD plain_build
#define BUILD_NAME "plain"
#include "step.h"
