/* Rows times a packed matrix: tiles of a few rows and two vectors of outputs stay in registers. */
#include "vectors.h"

#include "net.h"

/* Each output is summed in one order whatever the tile, so a row's numbers do not depend on its neighbours. */
INLINE void tile(const int rows, const int vectors, const float *weights, int64_t inputs, const float *bias,
                 const float *from, int64_t stride, float *to, int64_t width) {
    Floats sum[TALLEST][2];
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) sum[r][v] = load(bias + v * VECTOR);
    for (int64_t k = 0; k < inputs; k++) {
        Floats w[2];
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) w[v] = load(weights + (k * vectors + v) * VECTOR);
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            Floats x = all(from[r * stride + k]);
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++) sum[r][v] += w[v] * x;
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) store(to + r * width + v * VECTOR, sum[r][v]);
}

INLINE void panel(const int vectors, const float *weights, int64_t inputs, const float *bias, const float *from,
                  int64_t stride, float *to, int64_t width, int64_t rows) {
#define TILE(n) tile(n, vectors, weights, inputs, bias, from + row * stride, stride, to + row * width, width)
    int64_t row = 0;
    for (; rows - row >= TALLEST; row += TALLEST) TILE(TALLEST);
#if TALLEST > 4
    if (rows - row >= 4) {
        TILE(4);
        row += 4;
    }
#endif
    if (rows - row >= 2) {
        TILE(2);
        row += 2;
    }
    if (rows - row >= 1) TILE(1);
#undef TILE
}

static __attribute__((noinline)) void panels_of_two(const Matrix *m, int64_t column, const float *from, int64_t stride,
                                                    float *to, int64_t width, int64_t rows) {
    panel(2, m->weights + column * m->inputs, m->inputs, m->bias + column, from, stride, to + column, width, rows);
}

static __attribute__((noinline)) void panel_of_one(const Matrix *m, int64_t column, const float *from, int64_t stride,
                                                   float *to, int64_t width, int64_t rows) {
    panel(1, m->weights + column * m->inputs, m->inputs, m->bias + column, from, stride, to + column, width, rows);
}

/* Rows (rows, inputs), `stride` apart -> (rows, padded), `width` apart. */
static void product(const Matrix *m, const float *from, int64_t stride, float *to, int64_t width, int64_t rows) {
    int64_t column = 0;
    for (; m->padded - column >= 2 * VECTOR; column += 2 * VECTOR)
        panels_of_two(m, column, from, stride, to, width, rows);
    if (column < m->padded) panel_of_one(m, column, from, stride, to, width, rows);
}
