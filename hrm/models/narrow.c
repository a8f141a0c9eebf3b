/* SwiGLU and the norm after it as one step, for narrow networks; see narrow.py.
 *
 * At widths such as 32 a product over the whole batch takes no longer than reading and writing its
 * result. Here a few rows at a time go through the whole step while they are in the first cache, and
 * the way back computes them again instead of reading what the way there has kept.
 *
 * Widths are whole vectors of 16 floats.
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 16, TILE = 32, ROWS = 8 }; /* rows in the cache; rows in the registers */

typedef float Vector __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef const float *restrict In;
typedef float *restrict Out;

static inline Vector load(const float *from) { return *(const Vector *)from; }

static inline void store(float *to, Vector v) { *(Vector *)to = v; }

/* c (rows × columns) = or += a · b. Element (i, k) of a is a[i · ai + k · ak]; b and c lie row by
 * row. ROWS × two vectors of c stay in registers. */
static inline __attribute__((always_inline)) void block(int rows, long inner, In a, long ai,
                                                        long ak, In b, long bk, Out c, long ci,
                                                        int vectors, int add) {
    Vector sum[ROWS][2];
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++) sum[i][v] = add ? load(c + i * ci + v * LANES) : (Vector){0};
    for (long k = 0; k < inner; k++) {
        Vector right[2];
        for (int v = 0; v < vectors; v++) right[v] = load(b + k * bk + v * LANES);
#pragma GCC unroll 8
        for (int i = 0; i < rows; i++)
            for (int v = 0; v < vectors; v++) sum[i][v] += a[i * ai + k * ak] * right[v];
    }
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++) store(c + i * ci + v * LANES, sum[i][v]);
}

static void product(long rows, long columns, long inner, In a, long ai, long ak, In b, Out c,
                    int add) {
    for (long j = 0; j < columns; j += 2 * LANES) {
        int two = j + LANES < columns;
        long i = 0;
        for (; i + ROWS <= rows; i += ROWS) {
            if (two)
                block(ROWS, inner, a + i * ai, ai, ak, b + j, columns, c + i * columns + j, columns, 2, add);
            else
                block(ROWS, inner, a + i * ai, ai, ak, b + j, columns, c + i * columns + j, columns, 1, add);
        }
        for (; i < rows; i++) {
            if (two)
                block(1, inner, a + i * ai, ai, ak, b + j, columns, c + i * columns + j, columns, 2, add);
            else
                block(1, inner, a + i * ai, ai, ak, b + j, columns, c + i * columns + j, columns, 1, add);
        }
    }
}

typedef struct {
    long width, inner;
    In gate_up;   /* (2 · inner, width): gates first */
    In gate_up_t; /* (width, 2 · inner) */
    In down;      /* (width, inner) */
    In down_t;    /* (inner, width) */
    In weight;    /* (width) of the norm, or null */
    float eps;
} Layer;

typedef struct {
    float *gate_up, *hidden, *sum, *dhidden, *dgate_up, *inverse;
} Scratch;

static float *room_for(Scratch *s, long width, long inner) {
    float *room = aligned_alloc(64, (size_t)TILE * (6 * inner + width + LANES) * sizeof(float));
    s->gate_up = room;
    s->dgate_up = room + TILE * 2 * inner;
    s->hidden = room + TILE * 4 * inner;
    s->dhidden = room + TILE * 5 * inner;
    s->sum = room + TILE * 6 * inner;
    s->inverse = s->sum + TILE * width;
    return room;
}

/* Of a tile: gates and ups, hidden layer, x + down(hidden) as `sum`, normed, and 1 / rms. */
static void forward(const Layer *l, long rows, In x, Scratch *s) {
    product(rows, 2 * l->inner, l->width, x, l->width, 1, l->gate_up_t, s->gate_up, 0);
    for (long i = 0; i < rows; i++) {
        In gate = s->gate_up + i * 2 * l->inner, up = gate + l->inner;
        Out hidden = s->hidden + i * l->inner;
        for (long j = 0; j < l->inner; j++) hidden[j] = gate[j] / (1.0f + expf(-gate[j])) * up[j];
    }
    memcpy(s->sum, x, rows * l->width * sizeof(float));
    product(rows, l->width, l->inner, s->hidden, l->inner, 1, l->down_t, s->sum, 1);
    for (long i = 0; i < rows; i++) {
        Out sum = s->sum + i * l->width;
        float squares = 0;
        for (long j = 0; j < l->width; j++) squares += sum[j] * sum[j];
        s->inverse[i] = 1.0f / sqrtf(squares / l->width + l->eps);
        for (long j = 0; j < l->width; j++) sum[j] *= s->inverse[i];
    }
}

/* out = RMSNorm(x + down(silu(gate(x)) · up(x))) */
void swiglu_norm(long rows, const Layer *l, In x, Out out, int threads) {
    long tiles = (rows + TILE - 1) / TILE;
#pragma omp parallel num_threads(threads)
    {
        Scratch s;
        float *room = room_for(&s, l->width, l->inner);
#pragma omp for schedule(static)
        for (long t = 0; t < tiles; t++) {
            long first = t * TILE, count = rows - first < TILE ? rows - first : TILE;
            forward(l, count, x + first * l->width, &s);
            Out o = out + first * l->width;
            for (long i = 0; i < count; i++)
                for (long j = 0; j < l->width; j++)
                    o[i * l->width + j] = s.sum[i * l->width + j] * (l->weight ? l->weight[j] : 1.0f);
        }
        free(room);
    }
}

/* From the gradient of `out` to that of the sum; into dx. */
static void norm_backward(const Layer *l, long rows, In dout, const Scratch *s, Out dx, Out dweight) {
    for (long i = 0; i < rows; i++) {
        In g = dout + i * l->width, n = s->sum + i * l->width;
        Out d = dx + i * l->width;
        float dot = 0;
        for (long j = 0; j < l->width; j++) {
            d[j] = l->weight ? g[j] * l->weight[j] : g[j];
            dot += d[j] * n[j];
        }
        if (dweight)
            for (long j = 0; j < l->width; j++) dweight[j] += g[j] * n[j];
        float mean = dot / l->width, by = s->inverse[i];
        for (long j = 0; j < l->width; j++) d[j] = (d[j] - n[j] * mean) * by;
    }
}

static void swiglu_backward(const Layer *l, long rows, Scratch *s) {
    for (long i = 0; i < rows; i++) {
        In gate = s->gate_up + i * 2 * l->inner, up = gate + l->inner;
        In dhidden = s->dhidden + i * l->inner;
        Out dgate = s->dgate_up + i * 2 * l->inner, dup = dgate + l->inner;
        for (long j = 0; j < l->inner; j++) {
            float sigmoid = 1.0f / (1.0f + expf(-gate[j])), silu = gate[j] * sigmoid;
            dup[j] = dhidden[j] * silu;
            dgate[j] = dhidden[j] * up[j] * (sigmoid + silu * (1.0f - sigmoid));
        }
    }
}

/* Gradients of swiglu_norm. Those of the weights hold one part a thread, to be summed: `dgate_up`
 * (2 · inner, width), `ddown_t` (inner, width), `dweight` (width, or null). */
void swiglu_norm_backward(long rows, const Layer *l, In x, In dout, Out dx, Out dgate_up,
                          Out ddown_t, Out dweight, int threads) {
    long width = l->width, inner = l->inner, tiles = (rows + TILE - 1) / TILE;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int t = 0; t < threads; t++) {
        Scratch s;
        float *room = room_for(&s, width, inner);
        Out dgu = dgate_up + t * 2 * inner * width, ddt = ddown_t + t * inner * width;
        Out dw = dweight ? dweight + t * width : 0;
        memset(dgu, 0, 2 * inner * width * sizeof(float));
        memset(ddt, 0, inner * width * sizeof(float));
        if (dw) memset(dw, 0, width * sizeof(float));
        for (long tile = tiles * t / threads; tile < tiles * (t + 1) / threads; tile++) {
            long first = tile * TILE, count = rows - first < TILE ? rows - first : TILE;
            In xt = x + first * width;
            Out d = dx + first * width;
            forward(l, count, xt, &s);
            norm_backward(l, count, dout + first * width, &s, d, dw);
            product(count, inner, width, d, width, 1, l->down, s.dhidden, 0);
            swiglu_backward(l, count, &s);
            product(inner, width, count, s.hidden, 1, inner, d, ddt, 1);
            product(2 * inner, width, count, s.dgate_up, 1, 2 * inner, xt, dgu, 1);
            product(count, width, 2 * inner, s.dgate_up, 2 * inner, 1, l->gate_up, d, 1);
        }
        free(room);
    }
}
