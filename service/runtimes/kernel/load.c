#include "load.h"

#include <stdlib.h>
#include <string.h>

#define VERSION 2   /* of the tensors, and of what is computed from them; 1 has no local decoder */
#define LARGEST 65536 /* of any size: so that no product of a few of them overflows */
#define ALIGNMENT 64

enum { FORMAT, WINDOW, HORIZON, LEVELS, MEDIAN, HIDDEN, LAYERS, LAGS, CYCLES, COVARIATES, STATICS, FILL, SIZES };
static const char *const SIZE_NAMES[SIZES] = {"version", "window", "horizon", "quantiles",  "median", "hidden",
                                              "layers",  "lags",   "cycles",  "covariates", "static", "fill"};
static const int64_t LEAST[SIZES] = {1, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 0};
static const int64_t MOST[SIZES] = {VERSION, LARGEST, LARGEST, 1024,    1023,    LARGEST,
                                    64,      1024,    1024,    LARGEST, LARGEST, 1};

int is_of(const Py_buffer *view, char kind) {
    const char *format = view->format ? view->format : "B";
    if (kind != 'l') return format[0] == kind && format[1] == 0 && view->itemsize == (kind == 'd' ? 8 : 4);
    return (format[0] == 'l' || format[0] == 'q') && format[1] == 0 && view->itemsize == 8;
}

static void *room_for(Loaded *loaded, int64_t count, size_t each) {
    size_t size = ((size_t)(count > 0 ? count : 1) * each + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    void **owned = realloc(loaded->owned, (loaded->count + 1) * sizeof(void *));
    if (owned) loaded->owned = owned;
    void *memory = owned ? aligned_alloc(ALIGNMENT, size) : NULL;
    if (!memory) return PyErr_NoMemory();
    loaded->owned[loaded->count++] = memory;
    return memset(memory, 0, size);
}

/* The tensor called `name`, of `count` numbers of one kind; 0, or -1 with an exception set. */
static int open_tensor(PyObject *tensors, const char *name, char kind, int64_t count, Py_buffer *view) {
    PyObject *found = PyMapping_GetItemString(tensors, name);
    if (!found) {
        if (PyErr_ExceptionMatches(PyExc_KeyError)) PyErr_Format(PyExc_ValueError, "there is no tensor '%s'", name);
        return -1;
    }
    int failed = PyObject_GetBuffer(found, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT);
    Py_DECREF(found);
    if (failed) return -1;
    if (is_of(view, kind) && view->len / view->itemsize == count) return 0;
    PyErr_Format(PyExc_ValueError, "the tensor '%s' was expected to hold %lld numbers of %s, it has %zd of type '%s'",
                 name, (long long)count, kind == 'f' ? "float32" : kind == 'd' ? "float64" : "int64",
                 view->len / view->itemsize, view->format ? view->format : "B");
    PyBuffer_Release(view);
    return -1;
}

/* A copy of a tensor. */
static void *taken(PyObject *tensors, const char *name, char kind, int64_t count, Loaded *loaded) {
    Py_buffer view;
    if (open_tensor(tensors, name, kind, count, &view)) return NULL;
    void *copy = room_for(loaded, count, (size_t)view.itemsize);
    if (copy) memcpy(copy, view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    return copy;
}

static int prepare(Matrix *m, int64_t outputs, int64_t inputs, int64_t vector, Loaded *loaded) {
    *m = (Matrix){inputs, outputs, (outputs + vector - 1) / vector * vector, NULL, NULL};
    m->weights = room_for(loaded, m->padded * inputs, sizeof(float));
    m->bias = m->weights ? room_for(loaded, m->padded, sizeof(float)) : NULL;
    return m->bias ? 0 : -1;
}

/* Puts a weight where the step looks for it. */
static void pack(Matrix *m, int64_t vector, int64_t output, int64_t input, float weight) {
    int64_t panel = output / (2 * vector) * (2 * vector);
    int64_t width = m->padded - panel < 2 * vector ? vector : 2 * vector;
    m->weights[panel * m->inputs + input * width + output - panel] = weight;
}

/* Rows of a tensor (…, inputs) and of its biases into a matrix, from its output `to` and its input `at` on. */
typedef struct {
    const char *weight, *bias;
    int64_t rows, inputs; /* of the tensor */
    int64_t from, count;  /* the rows that are taken */
} Source;

static int fill(PyObject *tensors, Source s, Matrix *m, int64_t to, int64_t at, int64_t vector) {
    Py_buffer weight, bias;
    if (open_tensor(tensors, s.weight, 'f', s.rows * s.inputs, &weight)) return -1;
    if (open_tensor(tensors, s.bias, 'f', s.rows, &bias)) {
        PyBuffer_Release(&weight);
        return -1;
    }
    for (int64_t row = 0; row < s.count; row++) {
        for (int64_t input = 0; input < s.inputs; input++)
            pack(m, vector, to + row, at + input, ((const float *)weight.buf)[(s.from + row) * s.inputs + input]);
        m->bias[to + row] += ((const float *)bias.buf)[s.from + row];
    }
    PyBuffer_Release(&weight);
    PyBuffer_Release(&bias);
    return 0;
}

static int load_layer(PyObject *tensors, int64_t at, int64_t vector, Loaded *loaded) {
    Net *net = &loaded->net;
    Layer *layer = net->layer + at;
    int64_t size = net->hidden, inputs = at ? size : net->features;
    char names[4][32];
    static const char *const KINDS[4] = {"weight_ih", "bias_ih", "weight_hh", "bias_hh"};
    for (int i = 0; i < 4; i++) snprintf(names[i], sizeof names[i], "layer.%d.%s", (int)at, KINDS[i]);
    Source ih = {names[0], names[1], 3 * size, inputs, 0, 2 * size};
    Source hh = {names[2], names[3], 3 * size, size, 0, 2 * size};
    if (prepare(&layer->gates, 2 * size, inputs + size, vector, loaded) ||
        prepare(&layer->from_inputs, size, inputs, vector, loaded) ||
        prepare(&layer->from_hidden, size, size, vector, loaded) ||
        fill(tensors, ih, &layer->gates, 0, 0, vector) || fill(tensors, hh, &layer->gates, 0, inputs, vector))
        return -1;
    ih.from = hh.from = 2 * size; /* rows of r, z, n */
    ih.count = hh.count = size;
    return fill(tensors, ih, &layer->from_inputs, 0, 0, vector) || fill(tensors, hh, &layer->from_hidden, 0, 0, vector)
               ? -1
               : 0;
}

static int load_sizes(PyObject *tensors, Net *net) {
    Py_buffer view;
    if (open_tensor(tensors, "sizes", 'l', SIZES, &view)) return -1;
    int64_t sizes[SIZES];
    memcpy(sizes, view.buf, sizeof sizes);
    PyBuffer_Release(&view);
    for (int i = 0; i < SIZES; i++)
        if (sizes[i] < LEAST[i] || sizes[i] > MOST[i]) {
            PyErr_Format(PyExc_ValueError, "%s was expected to be from %lld to %lld, it is %lld", SIZE_NAMES[i],
                         (long long)LEAST[i], (long long)MOST[i], (long long)sizes[i]);
            return -1;
        }
    if (sizes[MEDIAN] >= sizes[LEVELS]) {
        PyErr_SetString(PyExc_ValueError, "the median is not among the quantiles");
        return -1;
    }
    net->version = sizes[FORMAT], net->window = sizes[WINDOW];
    net->horizon = sizes[HORIZON], net->levels = sizes[LEVELS];
    net->median = sizes[MEDIAN], net->hidden = sizes[HIDDEN], net->layers = sizes[LAYERS], net->lags = sizes[LAGS];
    net->cycles = sizes[CYCLES], net->covariates = sizes[COVARIATES], net->statics = sizes[STATICS];
    net->fill = sizes[FILL];
    net->features = 4 + 3 * net->lags + 2 * net->cycles + 2 * net->covariates + 2 * net->statics;
    net->state = net->layers * net->hidden + net->window + FIGURES + SUMS;
    net->shown = 3 * net->layers * net->hidden;
    return 0;
}

/* What the target can be. Bundles that were written before it could be declared, and those that declare nothing, have
 * no such tensor. */
static int load_support(PyObject *tensors, Net *net) {
    Py_buffer view;
    net->non_negative = net->integer = 0;
    if (!PyMapping_HasKeyString(tensors, "support")) return 0;
    if (open_tensor(tensors, "support", 'l', 2, &view)) return -1;
    int64_t declared[2];
    memcpy(declared, view.buf, sizeof declared);
    PyBuffer_Release(&view);
    net->non_negative = declared[0] != 0, net->integer = declared[1] != 0;
    return 0;
}

/* What is assumed of a young window; likewise. */
static int load_spread(PyObject *tensors, Net *net) {
    Py_buffer view;
    net->relative = net->absolute = 0.0, net->season = 2.0;
    if (!PyMapping_HasKeyString(tensors, "spread")) return 0;
    if (open_tensor(tensors, "spread", 'd', 3, &view)) return -1;
    double given[3];
    memcpy(given, view.buf, sizeof given);
    PyBuffer_Release(&view);
    net->relative = given[0], net->absolute = given[1], net->season = given[2];
    if (given[0] >= 0.0 && given[1] >= 0.0 && given[2] >= 2.0) return 0;
    PyErr_SetString(PyExc_ValueError, "a spread was expected not below 0, and a season of two steps or more");
    return -1;
}

/* Of a local decoder: version 1 knew none. */
static int load_local(PyObject *tensors, Loaded *loaded) {
    Net *net = &loaded->net;
    net->local = 0;
    if (net->version > 1) {
        const int64_t *local = taken(tensors, "local", 'l', 1, loaded);
        if (!local) return -1;
        net->local = *local;
    }
    net->candidates = net->lags + 2 + (net->local > 0);
    if (net->local < 0 || net->local > MOST_LOCAL) {
        PyErr_Format(PyExc_ValueError, "local was expected to be from 0 to %d, it is %lld", MOST_LOCAL,
                     (long long)net->local);
        return -1;
    }
    if (net->local == 0) return 0;
    net->contrast_weight = taken(tensors, "contrast.weight", 'f', net->local * (net->candidates + 1), loaded);
    net->contrast_bias = net->contrast_weight ? taken(tensors, "contrast.bias", 'f', net->local, loaded) : NULL;
    return net->contrast_bias ? 0 : -1;
}

static int load_constants(PyObject *tensors, Loaded *loaded) {
    Net *net = &loaded->net;
    const double *offset = taken(tensors, "offset", 'd', 1, loaded);
    if (!offset || !(net->lag = taken(tensors, "lags", 'l', net->lags, loaded)) ||
        !(net->period = taken(tensors, "period", 'l', net->cycles, loaded)) ||
        !(net->phase = taken(tensors, "phase", 'l', net->cycles, loaded)) ||
        !(net->angular = taken(tensors, "angular", 'f', net->cycles, loaded)) ||
        !(net->covariate_mean = taken(tensors, "covariate_mean", 'd', net->covariates, loaded)) ||
        !(net->covariate_deviation = taken(tensors, "covariate_deviation", 'd', net->covariates, loaded)) ||
        !(net->static_mean = taken(tensors, "static_mean", 'd', net->statics, loaded)) ||
        !(net->static_deviation = taken(tensors, "static_deviation", 'd', net->statics, loaded)) ||
        !(net->norm_weight = taken(tensors, "norm.weight", 'f', net->hidden, loaded)) ||
        !(net->norm_bias = taken(tensors, "norm.bias", 'f', net->hidden, loaded)))
        return -1;
    net->offset = *offset;
    int sound = net->offset >= 0.0;
    for (int64_t i = 0; i < net->lags; i++) sound &= net->lag[i] >= 1 && net->lag[i] <= net->window;
    for (int64_t i = 0; i < net->cycles; i++) sound &= net->period[i] >= 1;
    if (sound) return 0;
    PyErr_SetString(PyExc_ValueError, "a lag was expected within the window, a period and the offset not below 0");
    return -1;
}

int load_net(PyObject *tensors, int64_t vector, Loaded *loaded) {
    Net *net = &loaded->net;
    if (load_sizes(tensors, net) || load_support(tensors, net) || load_spread(tensors, net) ||
        load_local(tensors, loaded) || load_constants(tensors, loaded)) return -1;
    net->layer = room_for(loaded, net->layers, sizeof(Layer));
    if (!net->layer) return -1;
    for (int64_t at = 0; at < net->layers; at++)
        if (load_layer(tensors, at, vector, loaded)) return -1;
    int64_t size = net->hidden, mixed = net->candidates * net->horizon, corrected = net->levels * net->horizon;
    Source expand = {"expand.weight", "expand.bias", size, size, 0, size};
    Source mix = {"mix.weight", "mix.bias", mixed, size, 0, mixed};
    Source correction = {"correction.weight", "correction.bias", corrected, size, 0, corrected};
    int64_t contrasted = net->levels * net->local;
    Source sides = {"contrasted.weight", "contrasted.bias", contrasted, size, 0, contrasted};
    return prepare(&net->expand, size, size, vector, loaded) || fill(tensors, expand, &net->expand, 0, 0, vector) ||
                   prepare(&net->head, mixed + corrected + contrasted, size, vector, loaded) ||
                   fill(tensors, mix, &net->head, 0, 0, vector) ||
                   fill(tensors, correction, &net->head, mixed, 0, vector) ||
                   (contrasted && fill(tensors, sides, &net->head, mixed + corrected, 0, vector))
               ? -1
               : 0;
}

void drop_net(Loaded *loaded) {
    for (size_t i = 0; i < loaded->count; i++) free(loaded->owned[i]);
    free(loaded->owned);
    loaded->owned = NULL;
    loaded->count = 0;
}
