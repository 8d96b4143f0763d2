/* From the tensors of a bundle to a net: everything is checked here, so that a step need check nothing. */
#ifndef GATECAST_LOAD_H
#define GATECAST_LOAD_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "net.h"

/* A net and all memory that it owns. */
typedef struct {
    Net net;
    void **owned;
    size_t count;
} Loaded;

/* Whether `view` is a contiguous array of `kind` ('f', 'd' or 'l' for int64). */
int is_of(const Py_buffer *view, char kind);

/* 0, or -1 with an exception set; what was loaded till then is owned and must be dropped. */
int load_net(PyObject *tensors, int64_t vector, Loaded *loaded);

void drop_net(Loaded *loaded);

#endif
