/* Mixing along declared groups and neighbours; see mixing.py for the plain twins.
 *
 * A state is (puzzles, cells · codes, width) floats; "vector" below is one of its rows.
 */

#include <string.h>

typedef const float *restrict In;
typedef float *restrict Out;
typedef const int *restrict Ints;

typedef struct {
    long count;  /* groups */
    Ints starts; /* of each group's members, and the end */
    Ints cells;  /* of the members, group after group */
    In shares;   /* of each member: 1 / groups of this kind that its cell belongs to */
    Ints kinds;  /* of each group: the row of its weights */
} Groups;

/* The sum of vectors of a group, code by code. */
static void gather(const Groups *g, long group, long block, In x, In shares, float scale, Out sum) {
    memset(sum, 0, block * sizeof(float));
    for (int m = g->starts[group]; m < g->starts[group + 1]; m++) {
        In from = x + g->cells[m] * block;
        float by = shares ? shares[m] * scale : scale;
        for (long j = 0; j < block; j++) sum[j] += by * from[j];
    }
}

static void spread(const Groups *g, long group, long block, In sum, In shares, float scale, Out y) {
    for (int m = g->starts[group]; m < g->starts[group + 1]; m++) {
        Out to = y + g->cells[m] * block;
        float by = shares ? shares[m] * scale : scale;
        for (long j = 0; j < block; j++) to[j] += by * sum[j];
    }
}

static void weigh(long codes, long width, In weight, Out means) {
    for (long n = 0; n < codes; n++)
        for (long j = 0; j < width; j++) means[n * width + j] *= weight[j];
}

static void learn(long codes, long width, In means, In dmeans, Out dweight) {
    for (long n = 0; n < codes; n++)
        for (long j = 0; j < width; j++)
            dweight[j] += means[n * width + j] * dmeans[n * width + j];
}

/* The mean of a cell's vectors. */
static void mean_of_codes(long codes, long width, In x, Out mean) {
    memset(mean, 0, width * sizeof(float));
    for (long n = 0; n < codes; n++)
        for (long j = 0; j < width; j++) mean[j] += x[n * width + j];
    for (long j = 0; j < width; j++) mean[j] /= codes;
}

/* y: for each kind of group the mean over it, times that kind's weights. `code_weight`, or null: of
 * the mean of a cell's vectors. */
void group_mix(long puzzles, long cells, long codes, long width, const Groups *g, In x, In weight,
               In code_weight, Out y, int threads) {
    long block = codes * width, size = cells * block;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long p = 0; p < puzzles; p++) {
        In xp = x + p * size;
        Out yp = y + p * size;
        float means[block];
        memset(yp, 0, size * sizeof(float));
        for (long group = 0; group < g->count; group++) {
            float by = 1.0f / (g->starts[group + 1] - g->starts[group]);
            gather(g, group, block, xp, 0, by, means);
            weigh(codes, width, weight + g->kinds[group] * width, means);
            spread(g, group, block, means, g->shares, 1.0f, yp);
        }
        for (long c = 0; code_weight && c < cells; c++) {
            mean_of_codes(codes, width, xp + c * block, means);
            for (long n = 0; n < codes; n++)
                for (long j = 0; j < width; j++)
                    yp[c * block + n * width + j] += code_weight[j] * means[j];
        }
    }
}

/* Gradients of group_mix. `dweight` holds, for each thread, a row for each kind, the codes' last. */
void group_mix_backward(long puzzles, long cells, long codes, long width, long kinds,
                        const Groups *g, In x, In weight, In code_weight, In dy, Out dx,
                        Out dweight, int threads) {
    long block = codes * width, size = cells * block;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int t = 0; t < threads; t++) {
        Out dw = dweight + t * kinds * width;
        memset(dw, 0, kinds * width * sizeof(float));
        for (long p = puzzles * t / threads; p < puzzles * (t + 1) / threads; p++) {
            In xp = x + p * size, dyp = dy + p * size;
            Out dxp = dx + p * size;
            float means[block], dmeans[block];
            memset(dxp, 0, size * sizeof(float));
            for (long group = 0; group < g->count; group++) {
                float by = 1.0f / (g->starts[group + 1] - g->starts[group]);
                gather(g, group, block, xp, 0, by, means);
                gather(g, group, block, dyp, g->shares, 1.0f, dmeans);
                learn(codes, width, means, dmeans, dw + g->kinds[group] * width);
                weigh(codes, width, weight + g->kinds[group] * width, dmeans);
                spread(g, group, block, dmeans, 0, by, dxp);
            }
            for (long c = 0; code_weight && c < cells; c++) {
                mean_of_codes(codes, width, xp + c * block, means);
                mean_of_codes(codes, width, dyp + c * block, dmeans); /* over N: as means are */
                Out dcode = dw + (kinds - 1) * width;
                for (long j = 0; j < width; j++) dcode[j] += codes * means[j] * dmeans[j];
                for (long n = 0; n < codes; n++)
                    for (long j = 0; j < width; j++)
                        dxp[c * block + n * width + j] += code_weight[j] * dmeans[j];
            }
        }
    }
}
