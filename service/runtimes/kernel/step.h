/* One recurrent step of a block of rows after another, as models/ computes it: readings and states to forecasts.
 *
 * What the model computes in float64 (anchors, sums, level, scale, the way back to units) is float64 here.
 */
#include <stdlib.h>

#include "product.h"

#define BLOCK 16            /* rows that go through a layer together: their numbers stay in the nearest cache */
#define RESOLUTION 0.03125  /* as in models/scaling.py */
#define TINY 1e-30
#define FIRST_SPREAD 0.1
#define COEFFICIENT_FLOOR (-12.0) /* as in models/features.py */
#define FARTHEST 10.0
#define FARTHEST_LOGARITHM 600.0 /* as in models/transform.py */
#define EPSILON 1e-5f            /* of a layer normalisation */
#define DROPPED (-1e4f)          /* as in models/decoder.py */

/* Working memory of a block, in floats: each row's part begins at `row * width`. */
typedef struct {
    int64_t recurrent, gates, unit, head, seen;                  /* widths */
    float *given, *rz, *candidate, *candidate_hidden, *normal, *expanded, *raw, *naive, *shape;
    double *finished; /* one row of quantiles */
} Room;

/* What a row's window says. */
typedef struct {
    double count, shift, mean, level, scale;
    double distance; /* of the level from zero by the slope of the curve there */
    int64_t older;   /* places of the ring before this one are from the former anchor */
    float residual;  /* the reading's, from this one; NaN where missing */
} Window;

static int64_t up(int64_t count) { return (count + VECTOR - 1) / VECTOR * VECTOR; }

static float *opened(const Net *net, Room *room) {
    room->recurrent = (net->features > net->hidden ? net->features : net->hidden) + net->hidden + 2 * VECTOR;
    room->gates = up(2 * net->hidden) + VECTOR;
    room->unit = up(net->hidden) + VECTOR;
    room->head = net->head.padded + VECTOR;
    room->seen = up(net->horizon);
    int64_t finished = net->horizon * net->levels + VECTOR;
    int64_t row = room->recurrent + room->gates + 4 * room->unit + room->head;
    int64_t size = BLOCK * row + (net->lags + 1 + net->levels) * room->seen + 2 * finished;
    float *memory = calloc((size_t)size, sizeof(float));
    if (!memory) return NULL;
    room->finished = (double *)memory; /* first: calloc aligns it */
    room->given = memory + 2 * finished;
    room->rz = room->given + BLOCK * room->recurrent;
    room->candidate = room->rz + BLOCK * room->gates;
    room->candidate_hidden = room->candidate + BLOCK * room->unit;
    room->normal = room->candidate_hidden + BLOCK * room->unit;
    room->expanded = room->normal + BLOCK * room->unit;
    room->raw = room->expanded + BLOCK * room->unit;
    room->naive = room->raw + BLOCK * room->head;
    room->shape = room->naive + (net->lags + 1) * room->seen;
    return memory;
}

/* models/memory.py and models/sums.py: the reading enters the ring; `tail` is the new one, or NULL. */
static Window remember(const Net *net, double target, const float *before, float *tail) {
    const float *figures = before + net->window, *kept = figures + FIGURES;
    float known = figures[0], former = figures[1], latest = figures[2];
    int64_t age = figures[3] >= 0.0f && figures[3] < (float)net->window ? (int64_t)figures[3] : 0;
    int turn = age == 0, missing = isnan(target);
    float reading = (float)target, anchor = turn ? latest : known;
    former = turn ? known : former;
    if (isnan(anchor)) anchor = reading;
    double basis = isnan(anchor) ? 0.0 : anchor;
    double shift = basis - (double)former;
    if (isnan(shift)) shift = 0.0;
    float residual = (float)(target - basis);
    if (net->fill && missing) residual = (float)((double)before[net->window - 1] - (turn ? shift : 0.0));

    double number[2], total[2], square[2]; /* of the residuals from the former anchor, and of those from this one */
    for (int part = 0; part < 2; part++) {
        number[part] = kept[part];
        total[part] = (double)kept[2 + part] + (double)kept[4 + part];
        square[part] = (double)kept[6 + part] + (double)kept[8 + part];
    }
    if (turn) {
        number[0] = number[1], total[0] = total[1], square[0] = square[1];
        number[1] = total[1] = square[1] = 0.0;
    }
    const double moving[2] = {before[0], residual}, sign[2] = {-1.0, 1.0}; /* what leaves, and what comes */
    for (int part = 0; part < 2; part++) {
        double seen = !isnan(moving[part]), value = isnan(moving[part]) ? 0.0 : moving[part];
        number[part] += seen * sign[part];
        double some = number[part] > 0;
        total[part] = (total[part] + value * sign[part]) * some;
        square[part] = (square[part] + value * sign[part] * value) * some;
    }
    if (tail) {
        memcpy(tail, before + 1, (size_t)(net->window - 1) * sizeof(float));
        tail[net->window - 1] = residual;
        float *out = tail + net->window;
        out[0] = anchor, out[1] = former, out[2] = missing ? anchor : reading;
        out[3] = (float)((age + 1) % net->window);
        out += FIGURES;
        for (int part = 0; part < 2; part++) {
            float whole = (float)total[part], squares = (float)square[part];
            out[part] = (float)number[part];
            out[2 + part] = whole, out[4 + part] = (float)(total[part] - whole);
            out[6 + part] = squares, out[8 + part] = (float)(square[part] - squares);
        }
    }
    double moved = number[0] * shift; /* of both parts from this anchor */
    double count = number[0] + number[1];
    double sum = total[0] - moved + total[1];
    double squares = square[0] - (2.0 * total[0] - moved) * shift + square[1];

    /* models/scaling.py, standard */
    double among = count < 1.0 ? 1.0 : count;
    double mean = sum / among, variance = squares / among - mean * mean;
    if (variance < 0.0) variance = 0.0;
    double level = count < 1.0 ? 0.0 : basis + mean;
    double spread = variance + RESOLUTION * RESOLUTION * (mean * mean + shift * shift);
    double distance = net->offset == 0.0 ? fabs(level) : 1.0 - exp(-fabs(level));
    int young = net->relative > 0.0 || net->absolute > 0.0;
    double fresh = young ? 1.0 - (count - 1.0) / (net->season - 1.0) : 0.0, assumed = net->relative * distance;
    if (assumed < net->absolute) assumed = net->absolute;
    if (fresh > 0.0) spread += fresh * (assumed * assumed);
    double scale = sqrt(spread);
    if (count < 2.0 && !young) scale = FIRST_SPREAD * distance;
    if (scale < TINY) scale = TINY;
    if (count < 1.0) scale = 1.0;
    return (Window){count, shift, mean, level, scale, distance, net->window - age, residual};
}

/* The residual at a place of the ring and the reading after it, in deviations; NaN where missing. */
static inline double deviations(const Net *net, const Window *seen, const float *ring, int64_t place) {
    if (place == net->window) return ((double)seen->residual - seen->mean) / seen->scale;
    return ((double)ring[place] - (place < seen->older ? seen->shift : 0.0) - seen->mean) / seen->scale;
}

/* Values in deviations, and behind them which are missing; a NULL is missing whole. Returns what comes after. */
static float *flagged(float *to, const double *values, const double *mean, const double *deviation, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        double scaled = ((values ? values[i] : NAN) - mean[i]) / deviation[i];
        int missing = isnan(scaled);
        scaled = scaled < -FARTHEST ? -FARTHEST : scaled > FARTHEST ? FARTHEST : scaled;
        to[i] = missing ? 0.0f : (float)scaled;
        to[count + i] = (float)missing;
    }
    return to + 2 * count;
}

/* models/calendar.py: sines and then cosines of every cycle. Returns what comes after. */
static float *calendar(const Net *net, float *to, int64_t time) {
    int64_t within = 0;
    for (int64_t first = 0; first < net->cycles; first += VECTOR) {
        int64_t count = net->cycles - first < VECTOR ? net->cycles - first : VECTOR;
        float angle[VECTOR] = {0};
        for (int64_t i = 0; i < count; i++) {
            int64_t at = first + i, period = net->period[at], phase = net->phase[at];
            if (i == 0 || period != net->period[at - 1] || phase != net->phase[at - 1]) {
                within = (int64_t)((uint64_t)time + (uint64_t)phase) % period; /* it may wrap, as the model's does */
                within += within < 0 ? period : 0;
            }
            angle[i] = (float)within * net->angular[at];
        }
        Floats sine, cosine;
        sine_and_cosine(load(angle), &sine, &cosine);
        store_some(to + first, sine, count);
        store_some(to + net->cycles + first, cosine, count);
    }
    return to + 2 * net->cycles;
}

/* models/features.py: what the first layer sees of a row. */
static void look(const Net *net, const Rows *rows, int64_t row, const Window *seen, const float *ring, float *to) {
    double now = deviations(net, seen, ring, net->window);
    float shown = isnan(now) ? 0.0f : (float)now;
    *to++ = shown;
    *to++ = (float)isnan(now);
    for (int64_t i = 0; i < net->lags; i++) {
        double ahead = deviations(net, seen, ring, net->window + 1 - net->lag[i]);
        double season = deviations(net, seen, ring, net->window - net->lag[i]);
        *to++ = isnan(ahead) ? 0.0f : (float)ahead;
        *to++ = seen->count < 1.0 ? 0.0f : shown - (isnan(season) ? 0.0f : (float)season);
        *to++ = (float)isnan(ahead);
    }
    double variation = log(seen->scale / (seen->distance + seen->scale));
    *to++ = (float)((variation < COEFFICIENT_FLOOR ? COEFFICIENT_FLOOR : variation) / 4.0);
    *to++ = (float)(seen->count / (double)net->window);
    to = calendar(net, to, rows->times[row]);
    const double *given = rows->values + row * (1 + net->covariates) + 1;
    to = flagged(to, given, net->covariate_mean, net->covariate_deviation, net->covariates);
    given = rows->statics ? rows->statics + row * net->statics : NULL;
    flagged(to, given, net->static_mean, net->static_deviation, net->statics);
}

/* models/layers/cell.py on a block; `given` (rows, inputs and then the hidden state) becomes the layers' sum so far. */
static void recur(const Net *net, const Rows *rows, int64_t first, int64_t count, int64_t at, const Room *room) {
    const Layer *layer = net->layer + at;
    int64_t size = net->hidden, inputs = layer->from_inputs.inputs;
    product(&layer->gates, room->given, room->recurrent, room->rz, room->gates, count);
    product(&layer->from_inputs, room->given, room->recurrent, room->candidate, room->unit, count);
    product(&layer->from_hidden, room->given + inputs, room->recurrent, room->candidate_hidden, room->unit, count);
    for (int64_t i = 0; i < count; i++) {
        float *given = room->given + i * room->recurrent;
        const float *rz = room->rz + i * room->gates, *from_inputs = room->candidate + i * room->unit;
        const float *from_hidden = room->candidate_hidden + i * room->unit;
        float *after = rows->after ? rows->after + (first + i) * net->state + at * size : NULL;
        float *shown = rows->shown ? rows->shown + (first + i) * net->shown + 3 * at * size : NULL;
        for (int64_t j = 0; j < size; j += VECTOR) {
            Floats r = sigmoid(load(rz + j)), z = sigmoid(load(rz + size + j));
            Floats n = tanh_of(load(from_inputs + j) + r * load(from_hidden + j));
            Floats hidden = n + z * (load(given + inputs + j) - n);
            store(given + j, at ? load(given + j) + hidden : hidden); /* never before what is still to be read */
            if (after) store_some(after + j, hidden, size - j);
            if (!shown) continue;
            store_some(shown + j, r, size - j);
            store_some(shown + size + j, z, size - j);
            store_some(shown + 2 * size + j, n, size - j);
        }
    }
}

static float sum_of(const float *values, int64_t count) {
    Floats sums = {0};
    float each[VECTOR], sum = 0.0f;
    int64_t i = 0;
    for (; count - i >= VECTOR; i += VECTOR) sums += load(values + i);
    store(each, sums);
    for (int v = 0; v < VECTOR; v++) sum += each[v];
    for (; i < count; i++) sum += values[i];
    return sum;
}

/* A layer normalisation of one row (Ba et al. 2016, arXiv:1607.06450); `to` serves for the squares before. */
static void normalise(const Net *net, const float *from, float *to) {
    int64_t size = net->hidden;
    float mean = sum_of(from, size) / (float)size;
    for (int64_t j = 0; j < size; j++) to[j] = (from[j] - mean) * (from[j] - mean);
    float inverse = 1.0f / sqrtf(sum_of(to, size) / (float)size + EPSILON);
    for (int64_t j = 0; j < size; j++) to[j] = (from[j] - mean) * inverse * net->norm_weight[j] + net->norm_bias[j];
}

/* The last whole seasons of a row, in deviations, as they would go on: (lags, horizon), models/lags.py. */
static void go_on(const Net *net, const Window *seen, const float *ring, const Room *room) {
    const double mean = seen->mean, inverse = 1.0 / seen->scale;
    for (int64_t i = 0; i < net->lags; i++) {
        float *to = room->naive + i * room->seen;
        int64_t lag = net->lag[i], first = net->window + 1 - lag;
        int64_t whole = lag - 1 < net->horizon ? lag - 1 : net->horizon; /* of the ring; behind it is the reading */
        int64_t older = seen->older - first < 0 ? 0 : seen->older - first < whole ? seen->older - first : whole;
        for (int64_t h = 0; h < older; h++) to[h] = (float)(((double)ring[first + h] - seen->shift - mean) * inverse);
        for (int64_t h = older; h < whole; h++) to[h] = (float)(((double)ring[first + h] - mean) * inverse);
        if (lag <= net->horizon) to[lag - 1] = (float)(((double)seen->residual - mean) * inverse);
        for (int64_t h = lag; h < net->horizon; h++) to[h] = to[h - lag];
    }
}

/* The mean of the shortest seasons of a row, likewise: (horizon,) behind the naives, models/lags.py. */
static void go_on_in_the_mean(const Net *net, const Window *seen, const float *ring, const Room *room) {
    float *to = room->naive + net->lags * room->seen;
    const double mean = seen->mean, inverse = 1.0 / seen->scale;
    int64_t lag = net->lag[0], seasons = net->window / lag, first = net->window + 1 - seasons * lag;
    int64_t phases = lag < net->horizon ? lag : net->horizon;
    for (int64_t j = 0; j < phases; j++) {
        double sum = 0.0, count = 0.0;
        for (int64_t place = first + j; place <= net->window; place += lag) {
            double value = place == net->window ? (double)seen->residual
                                                : (double)ring[place] - (place < seen->older ? seen->shift : 0.0);
            int known = !isnan(value);
            sum += known ? value : 0.0, count += known;
        }
        to[j] = (float)((sum / count - mean) * inverse);
    }
    for (int64_t h = lag; h < net->horizon; h++) to[h] = to[h - lag];
}

/* What is mixed for some steps of a row, in deviations. */
static inline Floats choice_of(const Net *net, int64_t candidate, int64_t h, float last, const Room *room) {
    if (candidate < net->candidates - 2) return load(room->naive + candidate * room->seen + h);
    return all(candidate == net->candidates - 2 ? last : 0.0f);
}

/* What a local decoder makes of how far the choices lie from their mean. */
static void take_sides(const Net *net, int64_t h, float last, Floats mixed, const Room *room, Floats *sides) {
    for (int64_t r = 0; r < net->local; r++) {
        const float *weight = net->contrast_weight + r * (net->candidates + 1);
        Floats sum = all(net->contrast_bias[r]) + mixed * all(weight[net->candidates]);
        for (int64_t c = 0; c < net->candidates; c++) {
            Floats choice = choice_of(net, c, h, last, room);
            sum += chosen(choice != choice, all(0.0f), choice - mixed) * all(weight[c]);
        }
        sides[r] = sum * sigmoid(sum);
    }
}

/* The raw output of a level for some steps of a row. */
static inline Floats corrected(const Net *net, const float *raw, int64_t level, int64_t h, const Floats *sides) {
    const float *correction = raw + net->candidates * net->horizon;
    const float *weight = correction + net->levels * net->horizon + level * net->local;
    Floats sum = load(correction + level * net->horizon + h);
    for (int64_t r = 0; r < net->local; r++) sum += sides[r] * all(weight[r]);
    return sum;
}

/* models/decoder.py and models/quantiles.py for one row: `raw` of the head to its quantiles, in deviations. */
static void shape(const Net *net, const float *raw, float last, const Room *room) {
    int64_t horizon = net->horizon;
    Floats sides[MOST_LOCAL];
    for (int64_t h = 0; h < horizon; h += VECTOR) {
        Floats top = all(DROPPED), whole = {0}, mixed = {0};
        for (int pass = 0; pass < 2; pass++)
            for (int64_t c = 0; c < net->candidates; c++) {
                Floats choice = choice_of(net, c, h, last, room);
                Ints missing = choice != choice;
                Floats weight = chosen(missing, all(DROPPED), load(raw + c * horizon + h));
                if (pass == 0) {
                    top = chosen(weight > top, weight, top);
                    continue;
                }
                weight = exp_of(weight - top);
                whole += weight;
                mixed += weight * chosen(missing, all(0.0f), choice);
            }
        mixed /= whole;
        take_sides(net, h, last, mixed, room, sides);
        Floats middle = corrected(net, raw, net->median, h, sides), gap = {0};
        store(room->shape + net->median * room->seen + h, middle + mixed);
        for (int64_t q = net->median - 1; q >= 0; q--) {
            gap += softplus(corrected(net, raw, q, h, sides));
            store(room->shape + q * room->seen + h, middle - gap + mixed);
        }
        gap = all(0.0f);
        for (int64_t q = net->median + 1; q < net->levels; q++) {
            gap += softplus(corrected(net, raw, q, h, sides));
            store(room->shape + q * room->seen + h, middle + gap + mixed);
        }
    }
}

/* models/support.py: forecasts as the target can be. */
static void hold(const Net *net, double *quantiles, int64_t size) {
    for (int64_t i = 0; i < size; i++) {
        double value = quantiles[i];
        if (net->integer) value = ceil(value - 0.5);
        if (value == 0.0 || (net->non_negative && value < 0.0)) value = 0.0; /* not minus zero either */
        quantiles[i] = value;
    }
}

/* Back to the series' units, float64: (horizon, levels). */
static void finish(const Net *net, const Window *seen, const Room *room, double *quantiles) {
    int64_t size = net->horizon * net->levels;
    double *to = net->offset == 0.0 ? quantiles : room->finished;
    for (int64_t q = 0; q < net->levels; q++)
        for (int64_t h = 0; h < net->horizon; h++)
            to[h * net->levels + q] = seen->level + seen->scale * (double)room->shape[q * room->seen + h];
    if (net->offset == 0.0) {
        if (net->non_negative || net->integer) hold(net, quantiles, size);
        return;
    }
    for (int64_t i = 0; i < size; i += VECTOR / 2) { /* models/transform.py */
        Doubles value = *(const LooseDoubles *)(to + i);
        Longs sign = (Longs)value & INT64_MIN;
        Doubles away = (Doubles)((Longs)value & INT64_MAX);
        Longs far = away > FARTHEST_LOGARITHM;
        away = (Doubles)((far & (Longs)(FARTHEST_LOGARITHM - (Doubles){0})) | (~far & (Longs)away));
        *(LooseDoubles *)(to + i) = (Doubles)((Longs)(exp_less_one(away) * net->offset) ^ sign);
    }
    memcpy(quantiles, to, (size_t)size * sizeof(double));
    if (net->non_negative || net->integer) hold(net, quantiles, size);
}

static void step_block(const Net *net, const Rows *rows, int64_t first, int64_t count, const Room *room) {
    int64_t recurrent = net->layers * net->hidden;
    Window seen[BLOCK];
    for (int64_t i = 0; i < count; i++) {
        int64_t row = first + i;
        const float *state = rows->states + row * net->state, *ring = state + recurrent;
        double target = rows->values[row * (1 + net->covariates)];
        if (net->offset != 0.0) target = copysign(log(1.0 + fabs(target) / net->offset), target);
        seen[i] = remember(net, target, ring, rows->after ? rows->after + row * net->state + recurrent : NULL);
        look(net, rows, row, seen + i, ring, room->given + i * room->recurrent);
    }
    for (int64_t at = 0; at < net->layers; at++) {
        int64_t inputs = net->layer[at].from_inputs.inputs;
        for (int64_t i = 0; i < count; i++)
            memcpy(room->given + i * room->recurrent + inputs, rows->states + (first + i) * net->state + at * net->hidden,
                   (size_t)net->hidden * sizeof(float));
        recur(net, rows, first, count, at, room);
    }
    if (!rows->quantiles) return;
    for (int64_t i = 0; i < count; i++) normalise(net, room->given + i * room->recurrent, room->normal + i * room->unit);
    product(&net->expand, room->normal, room->unit, room->expanded, room->unit, count);
    for (int64_t i = 0; i < count; i++)
        for (int64_t j = 0; j < net->hidden; j += VECTOR) {
            float *unit = room->expanded + i * room->unit + j;
            store(unit, load(unit) * sigmoid(load(unit)));
        }
    product(&net->head, room->expanded, room->unit, room->raw, room->head, count);
    for (int64_t i = 0; i < count; i++) {
        const float *ring = rows->states + (first + i) * net->state + recurrent;
        go_on(net, seen + i, ring, room);
        if (net->local) go_on_in_the_mean(net, seen + i, ring, room);
        shape(net, room->raw + i * room->head, (float)deviations(net, seen + i, ring, net->window), room);
        finish(net, seen + i, room, rows->quantiles + (first + i) * net->horizon * net->levels);
    }
}

static int step(const Net *net, const Rows *rows) {
    Room room;
    float *memory = opened(net, &room);
    if (!memory) return -1;
    for (int64_t first = 0; first < rows->count; first += BLOCK) {
        int64_t left = rows->count - first;
        step_block(net, rows, first, left < BLOCK ? left : BLOCK, &room);
    }
    free(memory);
    return 0;
}

const Build BUILD = {BUILD_NAME, VECTOR, step};
