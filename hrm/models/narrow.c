/* SwiGLU and the norm after it as one step, for narrow networks; see narrow.py.
 *
 * At widths such as 32 a product over the whole batch takes no longer than reading and writing its
 * result. Here a few rows at a time go through the whole step while they are in the first cache, and
 * the way back computes them again instead of reading what the way there has kept.
 *
 * Factors of products are arrays of Factor. That is a float or, with -DBF16, two bfloat16: neighbours
 * along the sum, which one instruction multiplies and adds up as floats. Everything else is float.
 * Widths are whole vectors of 16 floats.
 */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Floats in a register, and rows of a product whose sums stay in registers, two for each row. Larger
 * vectors than the processor has work too, but with all sums in memory: 16 floats under AVX2 took 13
 * times as long as plain PyTorch. */
#if defined __AVX512F__
enum { LANES = 16, ROWS = 8 }; /* 32 registers */
#elif defined __AVX__
enum { LANES = 8, ROWS = 6 }; /* 16 registers */
#elif defined __ARM_NEON
enum { LANES = 4, ROWS = 8 };
#else
enum { LANES = 4, ROWS = 6 };
#endif
enum { TILE = 4 * ROWS }; /* rows in the first cache */

typedef float Vector __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef const float *restrict In;
typedef float *restrict Out;

#ifdef BF16
#ifndef __AVX512BF16__
#error "this processor has no products of bfloat16"
#endif
#include <immintrin.h>
enum { DEPTH = 2 }; /* numbers along the sum in a factor */
typedef uint32_t Factor;

static inline __m512i upper_halves(In from) {
    return _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(from)));
}

static inline Vector add_product(Vector sum, Factor a, const Factor *b) {
    return (Vector)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32((int)a),
                                    (__m512bh)_mm512_loadu_si512(b));
}
#else
enum { DEPTH = 1 };
typedef float Factor;

static inline Vector add_product(Vector sum, Factor a, const Factor *b) {
    return sum + a * *(const Vector *)b;
}
#endif

/* Numbers as factors of a sum along the rows, (rows, columns / DEPTH), or down the columns,
 * (rows / DEPTH, columns). For floats that is the same array. */
static const Factor *along(long rows, long columns, In x, Factor *room) {
#ifdef BF16
    for (long i = 0; i < rows * columns; i += LANES)
        _mm256_storeu_si256((__m256i *)(room + i / 2),
                            (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(x + i)));
    return room;
#else
    return x;
#endif
}

static const Factor *down(long rows, long columns, In x, Factor *room) {
#ifdef BF16
    for (long i = 0; i < rows; i += 2) {
        In first = x + i * columns, second = first + columns;
        Factor *to = room + i / 2 * columns;
        for (long j = 0; j < columns; j += LANES) {
            __m512i high = i + 1 < rows ? upper_halves(second + j) : _mm512_setzero_si512();
            high = _mm512_slli_epi32(high, 16);
            _mm512_storeu_si512(to + j, _mm512_or_si512(upper_halves(first + j), high));
        }
    }
    return room;
#else
    return x;
#endif
}

/* c = or += a · b for up to ROWS rows and two vectors of columns, or one, which stay in registers.
 * Factor (i, k) of a is a[i · ai + k · ak]; b and c lie row by row. */
static inline __attribute__((always_inline)) void block(int rows, int vectors, long depth,
                                                        long columns, const Factor *a, long ai,
                                                        long ak, const Factor *b, Out c, int add) {
    Vector sum[ROWS][2];
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++)
            sum[i][v] = add ? *(Vector *)(c + i * columns + v * LANES) : (Vector){0};
    for (long k = 0; k < depth; k++)
#pragma GCC unroll 8
        for (int i = 0; i < rows; i++)
            for (int v = 0; v < vectors; v++)
                sum[i][v] = add_product(sum[i][v], a[i * ai + k * ak], b + k * columns + v * LANES);
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++) *(Vector *)(c + i * columns + v * LANES) = sum[i][v];
}

/* c (rows × columns) = or += a · b, with sums over `inner` numbers. */
static void product(long rows, long columns, long inner, const Factor *a, long ai, long ak,
                    const Factor *b, Out c, int add) {
    long depth = (inner + DEPTH - 1) / DEPTH;
    for (long j = 0; j < columns; j += 2 * LANES) {
        int two = j + LANES < columns;
        for (long i = 0; i < rows;) {
            const Factor *ar = a + i * ai;
            Out cr = c + i * columns + j;
            int size = i + ROWS <= rows ? ROWS : i + 4 <= rows ? 4 : i + 2 <= rows ? 2 : 1;
            i += size;
/* Constant sizes, for the compiler to keep the sums in registers. */
#define BLOCK(rows, vectors) block(rows, vectors, depth, columns, ar, ai, ak, b + j, cr, add)
#define BLOCKS(rows) (two ? BLOCK(rows, 2) : BLOCK(rows, 1))
            if (size == ROWS) BLOCKS(ROWS);
            else if (size == 4) BLOCKS(4);
            else if (size == 2) BLOCKS(2);
            else BLOCKS(1);
        }
    }
}

typedef struct {
    long width, inner;
    const Factor *gate_up;   /* (2 · inner, width): gates first; this and the next as `down` */
    const Factor *gate_up_t; /* (width, 2 · inner) */
    const Factor *down;      /* (width, inner) */
    const Factor *down_t;    /* (inner, width) */
    In weight;               /* (width) of the norm, or null */
    float eps;
} Layer;

/* What a thread needs for a tile. */
typedef struct {
    float *gate_up, *sigmoid, *hidden, *normed, *inverse, *dhidden, *dgate_up;
    Factor *left, *right;
} Room;

static void *make_room(Room *r, long width, long inner) {
    long wide = TILE * 2 * inner, widest = width > 2 * inner ? TILE * width : wide;
    long size = 3 * wide + wide / 2 + TILE * (width + LANES) + 2 * widest;
    float *all = aligned_alloc(64, size * sizeof(float));
    r->gate_up = all;
    r->dgate_up = all + wide;
    r->hidden = all + 2 * wide;
    r->dhidden = r->hidden + wide / 2;
    r->sigmoid = all + 3 * wide;
    r->normed = r->sigmoid + wide / 2;
    r->inverse = r->normed + TILE * width;
    r->left = (Factor *)(r->inverse + TILE * LANES);
    r->right = r->left + widest;
    return all;
}

/* Of a tile: gates, ups, the gates' sigmoids, the hidden layer, x + down(hidden) normed, 1 / rms. */
static void forward(const Layer *l, long rows, In x, Room *r) {
    long width = l->width, inner = l->inner;
    const Factor *left = along(rows, width, x, r->left);
    product(rows, 2 * inner, width, left, width / DEPTH, 1, l->gate_up_t, r->gate_up, 0);
    for (long i = 0; i < rows; i++) {
        In gate = r->gate_up + i * 2 * inner, up = gate + inner;
        Out hidden = r->hidden + i * inner, sigmoid = r->sigmoid + i * inner;
        for (long j = 0; j < inner; j++) {
            sigmoid[j] = 1.0f / (1.0f + expf(-gate[j]));
            hidden[j] = gate[j] * sigmoid[j] * up[j];
        }
    }
    memcpy(r->normed, x, rows * width * sizeof(float));
    left = along(rows, inner, r->hidden, r->left);
    product(rows, width, inner, left, inner / DEPTH, 1, l->down_t, r->normed, 1);
    for (long i = 0; i < rows; i++) {
        Out sum = r->normed + i * width;
        float squares = 0;
        for (long j = 0; j < width; j++) squares += sum[j] * sum[j];
        r->inverse[i] = 1.0f / sqrtf(squares / width + l->eps);
        for (long j = 0; j < width; j++) sum[j] *= r->inverse[i];
    }
}

static long rows_of(long tile, long rows) {
    return rows - tile * TILE < TILE ? rows - tile * TILE : TILE;
}

/* out = RMSNorm(x + down(silu(gate(x)) · up(x))) */
void swiglu_norm(long rows, const Layer *l, In x, Out out, int threads) {
    long width = l->width, tiles = (rows + TILE - 1) / TILE;
#pragma omp parallel num_threads(threads)
    {
        Room r;
        void *all = make_room(&r, width, l->inner);
#pragma omp for schedule(static)
        for (long tile = 0; tile < tiles; tile++) {
            long first = tile * TILE * width, count = rows_of(tile, rows);
            forward(l, count, x + first, &r);
            for (long i = 0; i < count; i++)
                for (long j = 0; j < width; j++) {
                    float normed = r.normed[i * width + j];
                    out[first + i * width + j] = l->weight ? normed * l->weight[j] : normed;
                }
        }
        free(all);
    }
}

/* From the gradient of the output to that of the sum before the norm, and of the norm's weight. */
static void norm_backward(const Layer *l, long rows, In dout, const Room *r, Out dsum, Out dweight) {
    long width = l->width;
    for (long i = 0; i < rows; i++) {
        In g = dout + i * width, n = r->normed + i * width;
        Out d = dsum + i * width;
        float dot = 0;
        for (long j = 0; j < width; j++) {
            d[j] = l->weight ? g[j] * l->weight[j] : g[j];
            dot += d[j] * n[j];
        }
        if (dweight)
            for (long j = 0; j < width; j++) dweight[j] += g[j] * n[j];
        float mean = dot / width, by = r->inverse[i];
        for (long j = 0; j < width; j++) d[j] = (d[j] - n[j] * mean) * by;
    }
}

/* From the gradient of the hidden layer to that of gates and ups. */
static void swiglu_backward(const Layer *l, long rows, Room *r) {
    for (long i = 0; i < rows; i++) {
        In gate = r->gate_up + i * 2 * l->inner, up = gate + l->inner;
        In dhidden = r->dhidden + i * l->inner, sigmoid = r->sigmoid + i * l->inner;
        Out dgate = r->dgate_up + i * 2 * l->inner, dup = dgate + l->inner;
        for (long j = 0; j < l->inner; j++) {
            float silu = gate[j] * sigmoid[j];
            dup[j] = dhidden[j] * silu;
            dgate[j] = dhidden[j] * up[j] * (sigmoid[j] + silu * (1.0f - sigmoid[j]));
        }
    }
}

/* Gradients of a tile: of x into dx, of weights added up. */
static void backward(const Layer *l, long rows, In x, In dout, Room *r, Out dx, Out dgate_up,
                     Out ddown_t, Out dweight) {
    long width = l->width, inner = l->inner;
    forward(l, rows, x, r);
    norm_backward(l, rows, dout, r, dx, dweight);
    const Factor *left = along(rows, width, dx, r->left), *right;
    product(rows, inner, width, left, width / DEPTH, 1, l->down, r->dhidden, 0);
    swiglu_backward(l, rows, r);
    left = down(rows, inner, r->hidden, r->left), right = down(rows, width, dx, r->right);
    product(inner, width, rows, left, 1, inner, right, ddown_t, 1);
    left = down(rows, 2 * inner, r->dgate_up, r->left), right = down(rows, width, x, r->right);
    product(2 * inner, width, rows, left, 1, 2 * inner, right, dgate_up, 1);
    left = along(rows, 2 * inner, r->dgate_up, r->left);
    product(rows, width, 2 * inner, left, 2 * inner / DEPTH, 1, l->gate_up, dx, 1);
}

/* Gradients of swiglu_norm. Those of the weights hold one part a thread, to be summed: `dgate_up`
 * (2 · inner, width), `ddown_t` (inner, width), `dweight` (width, or null). */
void swiglu_norm_backward(long rows, const Layer *l, In x, In dout, Out dx, Out dgate_up,
                          Out ddown_t, Out dweight, int threads) {
    long width = l->width, inner = l->inner, tiles = (rows + TILE - 1) / TILE;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int t = 0; t < threads; t++) {
        Room r;
        void *all = make_room(&r, width, inner);
        Out dgu = dgate_up + t * 2 * inner * width, ddt = ddown_t + t * inner * width;
        Out dw = dweight ? dweight + t * width : 0;
        memset(dgu, 0, 2 * inner * width * sizeof(float));
        memset(ddt, 0, inner * width * sizeof(float));
        if (dw) memset(dw, 0, width * sizeof(float));
        for (long tile = tiles * t / threads; tile < tiles * (t + 1) / threads; tile++) {
            long first = tile * TILE * width, count = rows_of(tile, rows);
            backward(l, count, x + first, dout + first, &r, dx + first, dgu, ddt, dw);
        }
        free(all);
    }
}
