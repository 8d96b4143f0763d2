/* What a step is computed from: a net as it was loaded, and the rows of one call. */
#ifndef GATECAST_NET_H
#define GATECAST_NET_H

#include <stdint.h>

#define SUMS 10   /* numbers of a state that hold the sums: models/sums.py */
#define FIGURES 4 /* anchor, former, latest, age: between the ring and the sums */
#define MOST_LOCAL 16 /* directions of a local decoder */
#define WIDEST 16 /* floats of the widest vector of any build */

/* Weights (outputs, inputs) and biases, packed: panels of two vectors of outputs, and one of one where it is left. */
typedef struct {
    int64_t inputs, outputs, padded; /* `padded`: outputs in whole vectors */
    float *weights, *bias;
} Matrix;

/* The gates r and z see inputs and hidden state at once; the candidate's two products are kept apart. */
typedef struct {
    Matrix gates, from_inputs, from_hidden;
} Layer;

/* Everything here was checked when it was loaded: 1 <= lag <= window, 1 <= period, median < levels. */
typedef struct {
    int64_t version, window, horizon, levels, median, hidden, layers, lags, cycles, covariates, statics, fill;
    int64_t features, state, shown; /* inputs of the first layer; numbers of a state row; of a row of gates */
    int64_t local, candidates;      /* directions of a local decoder, 0 of a plain one; of the mix */
    double offset;                  /* of the logarithm that values are learned under; 0: none */
    double relative, absolute, season; /* of a young window's deviation; zeros: FIRST_SPREAD */
    int64_t non_negative, integer;  /* what the target can be; 0: anything */
    int64_t *lag, *period, *phase;  /* cycles: seconds */
    float *angular;
    double *covariate_mean, *covariate_deviation, *static_mean, *static_deviation;
    Layer *layer;
    float *norm_weight, *norm_bias, *contrast_weight, *contrast_bias; /* contrast: (local, candidates + 1) */
    Matrix expand, head; /* head: candidates x horizon of the mix, levels x horizon of the correction, levels x local */
} Net;

/* Rows, one after the other. An output that is not wanted is NULL; nothing that is read overlaps what is written. */
typedef struct {
    int64_t count;
    const double *values;  /* (count, 1 + covariates), NaN where missing */
    const int64_t *times;  /* (count,) */
    const float *states;   /* (count, state) */
    const double *statics; /* (count, statics), NaN where unknown */
    double *quantiles;     /* (count, horizon, levels) */
    float *after;          /* (count, state) */
    float *shown;          /* (count, shown): r, z, n by layer */
} Rows;

/* A build of the step for one kind of processor. */
typedef struct {
    const char *name;
    int64_t vector; /* floats; matrices are packed for it */
    int (*step)(const Net *, const Rows *); /* -1: out of memory, and nothing was written */
} Build;

extern const Build plain_build;
#if defined(__x86_64__)
extern const Build avx2_build, avx512_build;
#endif

#endif
