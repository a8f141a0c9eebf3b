/* What a block does between its matrix products, in as few passes over memory as it takes.
 *
 * Plain C, compiled on the machine that runs it (see kernels.py). Rows are cells: row r of a batch
 * is cell r % cells of board r / cells.
 *
 * What the products read and write are arrays of Element: float, or with -DBF16 bfloat16. The state,
 * norms, angles, weights of norms and all arithmetic in between are float.
 *
 * Dropout keeps no masks. Whether element j of a row survives is a hash of (key, board, row, j), so
 * backward passes draw the same mask again, and it does not matter which process or micro-batch
 * computes a board. The mixing steps of the hash are those of lowbias32 (C. Wellons, 2018).
 */

#include <math.h>
#include <stdint.h>
#include <string.h>

#ifdef BF16
typedef uint16_t Element; /* the upper half of a float */

static inline float get(Element element) {
    uint32_t bits = (uint32_t)element << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline Element put(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16; /* to the nearest, ties to even */
}
#else
typedef float Element;

static inline float get(Element element) { return element; }

static inline Element put(float value) { return value; }
#endif

typedef const float *restrict In;
typedef float *restrict Out;
typedef const Element *restrict ElementsIn;
typedef Element *restrict ElementsOut;

typedef struct {
    uint64_t key;          /* of this update, step and sublayer */
    const int64_t *boards; /* the number of each board within the whole batch */
    uint32_t threshold;    /* an element is dropped if its hash is below; 0: no dropout */
    float scale;           /* of what is kept, 1 / (1 - p) */
} Dropout;

static inline uint64_t mix64(uint64_t x) {
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* The key of one row of elements: `row` counts within the board. */
static inline uint64_t row_key(const Dropout *dropout, long board, long row) {
    return mix64(mix64(dropout->key + (uint64_t)dropout->boards[board]) + (uint64_t)row);
}

static inline uint32_t hash(uint64_t key, uint32_t j) {
    uint32_t x = j * 0x9e3779b9u + (uint32_t)key;
    x = (x ^ (x >> 16)) * 0x7feb352du;
    x = (x ^ (x >> 15)) * 0x846ca68bu;
    x ^= (uint32_t)(key >> 32);
    x = (x ^ (x >> 16)) * 0x7feb352du;
    x = (x ^ (x >> 15)) * 0x846ca68bu;
    return x ^ (x >> 16);
}

/* out = (x + dropout(y)) / rms · weight. For the way back, `normed` gets the same without weight
 * and `inverse` 1 / rms of each row; both may be null. */
void add_norm(long rows, long cells, long width, In x, ElementsIn y, In weight, float eps,
              const Dropout *dropout, Out out, Out normed, Out inverse, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long r = 0; r < rows; r++) {
        In xr = x + r * width;
        ElementsIn yr = y + r * width;
        Out o = out + r * width;
        float squares = 0;
        if (dropout->threshold) {
            uint64_t key = row_key(dropout, r / cells, r % cells);
            uint32_t threshold = dropout->threshold;
            float scale = dropout->scale;
            for (long j = 0; j < width; j++) {
                float kept = hash(key, (uint32_t)j) < threshold ? 0.0f : get(yr[j]) * scale;
                o[j] = xr[j] + kept;
                squares += o[j] * o[j];
            }
        } else {
            for (long j = 0; j < width; j++) {
                o[j] = xr[j] + get(yr[j]);
                squares += o[j] * o[j];
            }
        }
        float by = 1.0f / sqrtf(squares / width + eps);
        for (long j = 0; j < width; j++) o[j] *= by;
        if (normed) {
            memcpy(normed + r * width, o, width * sizeof(float));
            inverse[r] = by;
        }
        if (weight)
            for (long j = 0; j < width; j++) o[j] *= weight[j];
    }
}

/* Gradients of add_norm. `dweight` holds one row a thread, to be summed; null without weight.
 * `dy` is null where it equals `dx`: of floats, without dropout. */
void add_norm_backward(long rows, long cells, long width, In dout, In normed, In inverse, In weight,
                       const Dropout *dropout, Out dx, ElementsOut dy, Out dweight, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int t = 0; t < threads; t++) {
        Out dw = dweight ? dweight + t * width : 0;
        if (dw) memset(dw, 0, width * sizeof(float));
        for (long r = rows * t / threads; r < rows * (t + 1) / threads; r++) {
            In g = dout + r * width, n = normed + r * width;
            Out d = dx + r * width;
            float dot = 0;
            for (long j = 0; j < width; j++) {
                d[j] = weight ? g[j] * weight[j] : g[j];
                dot += d[j] * n[j];
            }
            if (dw)
                for (long j = 0; j < width; j++) dw[j] += g[j] * n[j];
            float mean = dot / width, by = inverse[r];
            for (long j = 0; j < width; j++) d[j] = (d[j] - n[j] * mean) * by;
            if (!dy) continue;
            ElementsOut dyr = dy + r * width;
            if (dropout->threshold) {
                uint64_t key = row_key(dropout, r / cells, r % cells);
                uint32_t threshold = dropout->threshold;
                float scale = dropout->scale;
                for (long j = 0; j < width; j++)
                    dyr[j] = put(hash(key, (uint32_t)j) < threshold ? 0.0f : d[j] * scale);
            } else {
                for (long j = 0; j < width; j++) dyr[j] = put(d[j]);
            }
        }
    }
}

/* out = silu(gate) · up, where a row of `gate_up` is gate and up; rows of `out` are `stride`
 * apart. */
void swiglu(long rows, long inner, long stride, ElementsIn gate_up, ElementsOut out, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long r = 0; r < rows; r++) {
        ElementsIn gate = gate_up + 2 * r * inner, up = gate + inner;
        ElementsOut o = out + r * stride;
        for (long j = 0; j < inner; j++) {
            float g = get(gate[j]);
            o[j] = put(g / (1.0f + expf(-g)) * get(up[j]));
        }
    }
}

/* Gradients of swiglu, and its output once more. */
void swiglu_backward(long rows, long inner, long stride, ElementsIn gate_up, ElementsIn dout,
                     ElementsOut dgate_up, ElementsOut out, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long r = 0; r < rows; r++) {
        ElementsIn gate = gate_up + 2 * r * inner, up = gate + inner;
        ElementsIn d = dout + r * inner;
        ElementsOut dgate = dgate_up + 2 * r * inner, dup = dgate + inner;
        ElementsOut o = out + r * stride;
#pragma omp simd /* too many arrays for the compiler to see by itself that none overlap */
        for (long j = 0; j < inner; j++) {
            float g = get(gate[j]), u = get(up[j]), dj = get(d[j]);
            float sigmoid = 1.0f / (1.0f + expf(-g)), silu = g * sigmoid;
            o[j] = put(silu * u);
            dup[j] = put(dj * silu);
            dgate[j] = put(dj * u * (sigmoid + silu * (1.0f - sigmoid)));
        }
    }
}

/* Scaled by `by` and, where there are angles, turned by them, or back with `sign` -1. */
static inline void turn(long width, ElementsIn from, In cosine, In sine, float by, float sign,
                        ElementsOut to) {
    if (!cosine) {
        for (long j = 0; j < width; j++) to[j] = put(get(from[j]) * by);
        return;
    }
    long half = width / 2;
    for (long j = 0; j < half; j++) {
        float a = get(from[j]) * by, b = get(from[j + half]) * by, s = sign * sine[j];
        to[j] = put(a * cosine[j] - b * s);
        to[j + half] = put(b * cosine[j] + a * s);
    }
}

/* Rows of `qkv` (queries, keys, values; head after head) as (board, head, cell, width) arrays,
 * queries and keys turned by the angles of their cell, queries scaled. */
void split_heads(long boards, long cells, long heads, long width, ElementsIn qkv, In cosine,
                 In sine, float scale, ElementsOut q, ElementsOut k, ElementsOut v, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long r = 0; r < boards * cells; r++) {
        long board = r / cells, cell = r % cells;
        In c = cosine ? cosine + cell * (width / 2) : 0, s = sine ? sine + cell * (width / 2) : 0;
        for (long head = 0; head < heads; head++) {
            ElementsIn from = qkv + (r * 3 * heads + head) * width;
            long to = ((board * heads + head) * cells + cell) * width;
            turn(width, from, c, s, scale, 1, q + to);
            turn(width, from + heads * width, c, s, 1, 1, k + to);
            turn(width, from + 2 * heads * width, 0, 0, 1, 1, v + to);
        }
    }
}

/* Gradients of split_heads: turned back, and side by side again. */
void split_heads_backward(long boards, long cells, long heads, long width, ElementsIn dq,
                          ElementsIn dk, ElementsIn dv, In cosine, In sine, float scale,
                          ElementsOut dqkv, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long r = 0; r < boards * cells; r++) {
        long board = r / cells, cell = r % cells;
        In c = cosine ? cosine + cell * (width / 2) : 0, s = sine ? sine + cell * (width / 2) : 0;
        for (long head = 0; head < heads; head++) {
            ElementsOut to = dqkv + (r * 3 * heads + head) * width;
            long from = ((board * heads + head) * cells + cell) * width;
            turn(width, dq + from, c, s, scale, -1, to);
            turn(width, dk + from, c, s, 1, -1, to + heads * width);
            turn(width, dv + from, 0, 0, 1, 1, to + 2 * heads * width);
        }
    }
}

/* Rows of scores to attention weights, in place. With dropout, the weights that are dropped get a
 * minus sign, and `kept` the others, scaled. */
void softmax(long boards, long rows, long cells, ElementsOut scores, const Dropout *dropout,
             ElementsOut kept, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long r = 0; r < boards * rows; r++) {
        ElementsOut w = scores + r * cells;
        float row[cells], most = get(w[0]), sum = 0;
        for (long j = 0; j < cells; j++) {
            row[j] = get(w[j]);
            most = row[j] > most ? row[j] : most;
        }
        for (long j = 0; j < cells; j++) {
            row[j] = expf(row[j] - most);
            sum += row[j];
        }
        float by = 1.0f / sum;
        if (!dropout->threshold) {
            for (long j = 0; j < cells; j++) w[j] = put(row[j] * by);
            continue;
        }
        uint64_t key = row_key(dropout, r / rows, r % rows);
        uint32_t threshold = dropout->threshold;
        ElementsOut o = kept + r * cells;
        float scale = dropout->scale;
        for (long j = 0; j < cells; j++) {
            float weight = row[j] * by;
            int drop = hash(key, (uint32_t)j) < threshold;
            w[j] = put(drop ? -weight : weight);
            o[j] = put(drop ? 0.0f : weight * scale);
        }
    }
}

/* What `softmax` gave as `kept`, from the signed weights. */
void keep(long count, ElementsIn weights, float scale, ElementsOut kept, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long i = 0; i < count; i++) {
        float weight = get(weights[i]);
        kept[i] = put(weight > 0 ? weight * scale : 0.0f);
    }
}

/* The gradient of the scores from that of the kept weights, in place. */
void softmax_backward(long rows, long cells, ElementsIn weights, float scale, ElementsOut grad,
                      int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long r = 0; r < rows; r++) {
        ElementsIn w = weights + r * cells;
        ElementsOut g = grad + r * cells;
        float row[cells], dot = 0;
        for (long j = 0; j < cells; j++) {
            float weight = get(w[j]);
            row[j] = weight > 0 ? get(g[j]) * scale : 0.0f;
            dot += row[j] * weight;
        }
        for (long j = 0; j < cells; j++) g[j] = put(fabsf(get(w[j])) * (row[j] - dot));
    }
}
