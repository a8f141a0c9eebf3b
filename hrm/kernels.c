/* What a block does between its matrix products, in as few passes over memory as it takes.
 *
 * Plain C with float arrays, compiled on the machine that runs it (see kernels.py). Rows are cells:
 * row r of a batch is cell r % cells of board r / cells.
 *
 * Dropout keeps no masks. Whether element j of a row survives is a hash of (key, board, row, j), so
 * backward passes draw the same mask again, and it does not matter which process or micro-batch
 * computes a board. The mixing steps of the hash are those of lowbias32 (C. Wellons, 2018).
 */

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef const float *restrict In;
typedef float *restrict Out;

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
void add_norm(long rows, long cells, long width, In x, In y, In weight, float eps,
              const Dropout *dropout, Out out, Out normed, Out inverse, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long r = 0; r < rows; r++) {
        In xr = x + r * width, yr = y + r * width;
        Out o = out + r * width;
        float squares = 0;
        if (dropout->threshold) {
            uint64_t key = row_key(dropout, r / cells, r % cells);
            uint32_t threshold = dropout->threshold;
            float scale = dropout->scale;
            for (long j = 0; j < width; j++) {
                float kept = hash(key, (uint32_t)j) < threshold ? 0.0f : yr[j] * scale;
                o[j] = xr[j] + kept;
                squares += o[j] * o[j];
            }
        } else {
            for (long j = 0; j < width; j++) {
                o[j] = xr[j] + yr[j];
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
 * `dy` is written only with dropout; without, it equals `dx`. */
void add_norm_backward(long rows, long cells, long width, In dout, In normed, In inverse, In weight,
                       const Dropout *dropout, Out dx, Out dy, Out dweight, int threads) {
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
            if (dropout->threshold) {
                uint64_t key = row_key(dropout, r / cells, r % cells);
                uint32_t threshold = dropout->threshold;
                Out dyr = dy + r * width;
                float scale = dropout->scale;
                for (long j = 0; j < width; j++)
                    dyr[j] = hash(key, (uint32_t)j) < threshold ? 0.0f : d[j] * scale;
            }
        }
    }
}

/* out = silu(gate) · up, where a row of `gate_up` is gate and up; rows of `out` are `stride`
 * apart. */
void swiglu(long rows, long inner, long stride, In gate_up, Out out, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long r = 0; r < rows; r++) {
        In gate = gate_up + 2 * r * inner, up = gate + inner;
        Out o = out + r * stride;
        for (long j = 0; j < inner; j++) o[j] = gate[j] / (1.0f + expf(-gate[j])) * up[j];
    }
}

/* Gradients of swiglu, and its output once more. */
void swiglu_backward(long rows, long inner, long stride, In gate_up, In dout, Out dgate_up, Out out,
                     int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long r = 0; r < rows; r++) {
        In gate = gate_up + 2 * r * inner, up = gate + inner;
        In d = dout + r * inner;
        Out dgate = dgate_up + 2 * r * inner, dup = dgate + inner;
        Out o = out + r * stride;
        for (long j = 0; j < inner; j++) {
            float sigmoid = 1.0f / (1.0f + expf(-gate[j])), silu = gate[j] * sigmoid;
            o[j] = silu * up[j];
            dup[j] = d[j] * silu;
            dgate[j] = d[j] * up[j] * (sigmoid + silu * (1.0f - sigmoid));
        }
    }
}

/* Scaled by `by` and, where there are angles, turned by them, or back with `sign` -1. */
static inline void turn(long width, In from, In cosine, In sine, float by, float sign, Out to) {
    if (!cosine) {
        for (long j = 0; j < width; j++) to[j] = from[j] * by;
        return;
    }
    long half = width / 2;
    for (long j = 0; j < half; j++) {
        float a = from[j] * by, b = from[j + half] * by, s = sign * sine[j];
        to[j] = a * cosine[j] - b * s;
        to[j + half] = b * cosine[j] + a * s;
    }
}

/* Rows of `qkv` (queries, keys, values; head after head) as (board, head, cell, width) arrays,
 * queries and keys turned by the angles of their cell, queries scaled. */
void split_heads(long boards, long cells, long heads, long width, In qkv, In cosine, In sine,
                 float scale, Out q, Out k, Out v, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long r = 0; r < boards * cells; r++) {
        long board = r / cells, cell = r % cells;
        In c = cosine ? cosine + cell * (width / 2) : 0, s = sine ? sine + cell * (width / 2) : 0;
        for (long head = 0; head < heads; head++) {
            In from = qkv + (r * 3 * heads + head) * width;
            long to = ((board * heads + head) * cells + cell) * width;
            turn(width, from, c, s, scale, 1, q + to);
            turn(width, from + heads * width, c, s, 1, 1, k + to);
            turn(width, from + 2 * heads * width, 0, 0, 1, 1, v + to);
        }
    }
}

/* Gradients of split_heads: turned back, and side by side again. */
void split_heads_backward(long boards, long cells, long heads, long width, In dq, In dk, In dv,
                          In cosine, In sine, float scale, Out dqkv, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long r = 0; r < boards * cells; r++) {
        long board = r / cells, cell = r % cells;
        In c = cosine ? cosine + cell * (width / 2) : 0, s = sine ? sine + cell * (width / 2) : 0;
        for (long head = 0; head < heads; head++) {
            Out to = dqkv + (r * 3 * heads + head) * width;
            long from = ((board * heads + head) * cells + cell) * width;
            turn(width, dq + from, c, s, scale, -1, to);
            turn(width, dk + from, c, s, 1, -1, to + heads * width);
            turn(width, dv + from, 0, 0, 1, 1, to + 2 * heads * width);
        }
    }
}

/* Rows of scores to attention weights, in place. With dropout, the weights that are dropped get a
 * minus sign, and `kept` the others, scaled. */
void softmax(long boards, long rows, long cells, Out scores, const Dropout *dropout, Out kept,
             int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long r = 0; r < boards * rows; r++) {
        Out w = scores + r * cells;
        float most = w[0], sum = 0;
        for (long j = 1; j < cells; j++) most = w[j] > most ? w[j] : most;
        for (long j = 0; j < cells; j++) {
            w[j] = expf(w[j] - most);
            sum += w[j];
        }
        float by = 1.0f / sum;
        if (!dropout->threshold) {
            for (long j = 0; j < cells; j++) w[j] *= by;
            continue;
        }
        uint64_t key = row_key(dropout, r / rows, r % rows);
        uint32_t threshold = dropout->threshold;
        Out o = kept + r * cells;
        float scale = dropout->scale;
        for (long j = 0; j < cells; j++) {
            float weight = w[j] * by;
            int drop = hash(key, (uint32_t)j) < threshold;
            w[j] = drop ? -weight : weight;
            o[j] = drop ? 0.0f : weight * scale;
        }
    }
}

/* What `softmax` gave as `kept`, from the signed weights. */
void keep(long count, In weights, float scale, Out kept, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long i = 0; i < count; i++) kept[i] = weights[i] > 0 ? weights[i] * scale : 0.0f;
}

/* The gradient of the scores from that of the kept weights, in place. */
void softmax_backward(long rows, long cells, In weights, float scale, Out grad, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long r = 0; r < rows; r++) {
        In w = weights + r * cells;
        Out g = grad + r * cells;
        float dot = 0;
        for (long j = 0; j < cells; j++) {
            g[j] = w[j] > 0 ? g[j] * scale : 0.0f;
            dot += g[j] * w[j];
        }
        for (long j = 0; j < cells; j++) g[j] = fabsf(w[j]) * (g[j] - dot);
    }
}
