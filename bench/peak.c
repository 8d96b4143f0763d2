/* How many multiplications with addition of float32 one core can do in a second: independent ones, all in registers. */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <time.h>

typedef float lanes __attribute__((vector_size(64)));
enum { CHAINS = 16, TURNS = 1 << 20, LANES = 16 };

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + 1e-9 * now.tv_nsec;
}

int main(int count, char **words) {
    (void)words;
    lanes sums[CHAINS], factor = {0}, term = {0};
    for (int i = 0; i < LANES; i++) factor[i] = 1.0f - 1e-7f * count, term[i] = 1e-7f * count;
    double best = 1e9;
    float kept = 0;
    for (int round = 0; round < 30; round++) {
        for (int i = 0; i < CHAINS; i++) sums[i] = term * (float)i;
        double began = seconds();
        for (int turn = 0; turn < TURNS; turn++)
            for (int i = 0; i < CHAINS; i++) sums[i] = sums[i] * factor + term;
        double spent = seconds() - began;
        if (spent < best) best = spent;
        for (int i = 0; i < CHAINS; i++) kept += sums[i][round % LANES];
    }
    fprintf(stderr, "%g\n", kept); /* so that none of it can be left out */
    printf("%.6e\n", (double)CHAINS * TURNS * LANES / best);
    return 0;
}
