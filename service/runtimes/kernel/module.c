/* The Python module `service.runtimes._kernel`: arrays are checked here, whole, before a step may look at them. */
#include "load.h"

#include <string.h>

typedef struct {
    PyObject_HEAD
    Loaded loaded;
    const Build *build;
} Kernel;

/* What this processor can run, the fastest first. */
static size_t builds_here(const Build *found[3]) {
    size_t count = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl"))
        found[count++] = &avx512_build;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) found[count++] = &avx2_build;
#endif
    found[count++] = &plain_build;
    return count;
}

static PyObject *builds(PyObject *module, PyObject *nothing) {
    (void)module, (void)nothing;
    const Build *found[3];
    size_t count = builds_here(found);
    PyObject *names = PyList_New(0);
    for (size_t i = 0; names && i < count; i++) {
        PyObject *name = PyUnicode_FromString(found[i]->name);
        if (!name || PyList_Append(names, name)) Py_CLEAR(names);
        Py_XDECREF(name);
    }
    return names;
}

static PyObject *kernel_new(PyTypeObject *type, PyObject *given, PyObject *named) {
    static char *names[] = {"tensors", "build", NULL};
    PyObject *tensors;
    const char *wanted = NULL;
    if (!PyArg_ParseTupleAndKeywords(given, named, "O|z", names, &tensors, &wanted)) return NULL;
    const Build *found[3], *build = NULL;
    size_t count = builds_here(found);
    for (size_t i = count; i-- > 0;)
        if (!wanted || !strcmp(wanted, found[i]->name)) build = found[i];
    if (!build) return PyErr_Format(PyExc_ValueError, "there is no build '%s' for this processor", wanted);
    Kernel *kernel = (Kernel *)type->tp_alloc(type, 0); /* zeroed */
    if (!kernel) return NULL;
    kernel->build = build;
    if (load_net(tensors, build->vector, &kernel->loaded)) Py_CLEAR(kernel);
    return (PyObject *)kernel;
}

static void kernel_dealloc(Kernel *kernel) {
    PyTypeObject *type = Py_TYPE(kernel);
    drop_net(&kernel->loaded);
    type->tp_free((PyObject *)kernel);
    Py_DECREF(type);
}

enum { VALUES, TIMES, STATES, STATIC, QUANTILES, AFTER, GATES, ARRAYS };

/* An array as the step will see it. */
typedef struct {
    const char *name;
    char kind;
    int dimensions;
    int64_t sizes[2]; /* behind the batch */
} Form;

/* Opens one array and holds it against its form; `*count` is the batch, -1 until the first array says it. */
static int open_array(PyObject *given, const Form *form, int written, int64_t *count, Py_buffer *view) {
    int flags = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (written ? PyBUF_WRITABLE : 0);
    if (PyObject_GetBuffer(given, view, flags)) {
        view->obj = NULL;
        return -1;
    }
    int fits = is_of(view, form->kind) && view->ndim == form->dimensions;
    if (fits && *count < 0) *count = view->shape[0];
    fits = fits && view->shape[0] == *count;
    for (int i = 1; fits && i < form->dimensions; i++) fits = view->shape[i] == form->sizes[i - 1];
    if (fits) return 0;
    char expected[96];
    int length = snprintf(expected, sizeof expected, "(%s", *count < 0 ? "batch" : "");
    if (*count >= 0) length += snprintf(expected + length, sizeof expected - length, "%lld", (long long)*count);
    for (int i = 1; i < form->dimensions; i++)
        length += snprintf(expected + length, sizeof expected - length, ", %lld", (long long)form->sizes[i - 1]);
    PyErr_Format(PyExc_ValueError, "%s of shape %s) and type '%c' was expected, got %d dimension(s), %zd bytes of '%s'",
                 form->name, expected, form->kind, view->ndim, view->len, view->format ? view->format : "B");
    return -1;
}

static PyObject *kernel_step(Kernel *kernel, PyObject *const *given, Py_ssize_t number) {
    if (number != ARRAYS) return PyErr_Format(PyExc_TypeError, "step takes %d arrays, got %zd", ARRAYS, number);
    const Net *net = &kernel->loaded.net;
    const Form forms[ARRAYS] = {
        {"values", 'd', 2, {1 + net->covariates}},
        {"times", 'l', 1, {0}},
        {"states", 'f', 2, {net->state}},
        {"static", 'd', 2, {net->statics}},
        {"quantiles", 'd', 3, {net->horizon, net->levels}},
        {"after", 'f', 2, {net->state}},
        {"gates", 'f', 2, {net->shown}},
    };
    Py_buffer views[ARRAYS];
    memset(views, 0, sizeof views);
    int64_t count = -1;
    int failed = 0;
    for (int i = 0; !failed && i < ARRAYS; i++)
        if (i < STATIC || given[i] != Py_None)
            failed = open_array(given[i], &forms[i], i >= QUANTILES, &count, &views[i]);
    if (!failed) {
        const Rows rows = {count,
                           views[VALUES].buf,
                           views[TIMES].buf,
                           views[STATES].buf,
                           net->statics ? views[STATIC].buf : NULL,
                           views[QUANTILES].buf,
                           views[AFTER].buf,
                           views[GATES].buf};
        Py_BEGIN_ALLOW_THREADS
        failed = kernel->build->step(net, &rows);
        Py_END_ALLOW_THREADS
        if (failed) PyErr_NoMemory();
    }
    for (int i = 0; i < ARRAYS; i++)
        if (views[i].obj) PyBuffer_Release(&views[i]);
    if (failed) return NULL;
    Py_RETURN_NONE;
}

static PyObject *kernel_build(Kernel *kernel, void *nothing) {
    (void)nothing;
    return PyUnicode_FromString(kernel->build->name);
}

static PyMethodDef KERNEL_METHODS[] = {
    {"step", (PyCFunction)(void (*)(void))kernel_step, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};
static PyGetSetDef KERNEL_GETSETS[] = {
    {"build", (getter)kernel_build, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot KERNEL_SLOTS[] = {
    {Py_tp_new, kernel_new},
    {Py_tp_dealloc, kernel_dealloc},
    {Py_tp_methods, KERNEL_METHODS},
    {Py_tp_getset, KERNEL_GETSETS},
    {0, NULL},
};
static PyType_Spec KERNEL_SPEC = {
    .name = "service.runtimes._kernel.Kernel",
    .basicsize = sizeof(Kernel),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = KERNEL_SLOTS,
};

static PyMethodDef METHODS[] = {
    {"builds", builds, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT,
    .m_name = "service.runtimes._kernel",
    .m_size = -1,
    .m_methods = METHODS,
};

PyMODINIT_FUNC PyInit__kernel(void) {
    PyObject *module = PyModule_Create(&MODULE);
    PyObject *type = module ? PyType_FromSpec(&KERNEL_SPEC) : NULL;
    if (!type || PyModule_AddObjectRef(module, "Kernel", type)) Py_CLEAR(module);
    Py_XDECREF(type);
    return module;
}
