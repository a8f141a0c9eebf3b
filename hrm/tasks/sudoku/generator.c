/* The generator, for speed. What it does is said in generator.py; plain_generator.py does the same,
 * number for number.
 */

#include "solver.c"

typedef struct { /* the fields of plain_generator.Plan, in its order */
    int64_t givens, min_guesses, put_back, steps, attempts, limit;
} Plan;

/* Number `index` of the stream of a seed: the splitmix64 generator. */
static uint64_t number(uint64_t seed, uint64_t index)
{
    uint64_t z = seed + (index + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* The cells in random order: sorted by numbers `first`, `first` + 1, ... of the seed. */
static void shuffle(const Rules *rules, uint64_t seed, uint64_t first, uint8_t *order)
{
    uint64_t keys[MOST_CELLS];
    for (int cell = 0; cell < rules->cells; cell++) {
        uint64_t key = number(seed, first + cell);
        int place = cell;
        for (; place && keys[place - 1] > key; place--) {
            keys[place] = keys[place - 1];
            order[place] = order[place - 1];
        }
        keys[place] = key;
        order[place] = (uint8_t)cell;
    }
}

/* A random full grid, by random guesses without a second try; 0 if they lead nowhere. */
static int fill(const Rules *rules, uint64_t seed, uint8_t *full)
{
    Grid grid;
    memset(full, 0, rules->cells);
    start(rules, &grid, full);
    for (uint64_t guess = 0; propagate(rules, &grid); guess++) {
        int cell = branching_cell(rules, &grid);
        if (cell < 0) {
            read_digits(rules, &grid, full);
            return 1;
        }
        Set left = grid.sets[cell];
        int which = (int)(number(seed, guess) % (unsigned)__builtin_popcount(left));
        while (which--)
            left &= left - 1;
        grid.sets[cell] = (Set)(left & -left);
    }
    return 0;
}

/* Take givens away in the order given, while there is one solution and more than `least` are left.
 * A given stays too where the solver gives up. */
static void thin(
    const Rules *rules, uint8_t *puzzle, const uint8_t *order, int64_t least, int64_t limit)
{
    int64_t left = 0, guesses;
    for (int cell = 0; cell < rules->cells; cell++)
        left += puzzle[cell] != 0;
    for (int k = 0; k < rules->cells && left > least; k++) {
        uint8_t given = puzzle[order[k]], solution[MOST_CELLS];
        if (!given)
            continue;
        puzzle[order[k]] = 0;
        if (solve(rules, puzzle, limit, solution, &guesses) == ONE)
            left--;
        else
            puzzle[order[k]] = given;
    }
}

/* One puzzle from the full grid of a seed; its guesses. */
static int64_t harden(
    const Rules *rules, const Plan *plan, uint64_t seed, const uint8_t *full, uint8_t *puzzle)
{
    uint8_t order[MOST_CELLS], next[MOST_CELLS], solution[MOST_CELLS];
    int64_t hardest = -1, guesses;
    memcpy(next, full, rules->cells);
    for (int64_t step = 0; step < plan->steps && hardest < plan->min_guesses; step++) {
        uint64_t own = number(seed, MOST_CELLS + step);
        if (step) {
            memcpy(next, puzzle, rules->cells);
            shuffle(rules, own, 0, order);
            int64_t back = 0;
            for (int k = 0; k < rules->cells && back < plan->put_back; k++)
                if (!next[order[k]]) {
                    next[order[k]] = full[order[k]];
                    back++;
                }
        }
        shuffle(rules, own, MOST_CELLS, order);
        thin(rules, next, order, plan->givens, plan->limit);
        solve(rules, next, plan->limit, solution, &guesses);
        if (guesses >= hardest) {
            hardest = guesses;
            memcpy(puzzle, next, rules->cells);
        }
    }
    return hardest;
}

void generate_all(
    int size, const int64_t *units, int64_t count, const Plan *plan, const uint64_t *seeds,
    uint8_t *puzzles, uint8_t *found)
{
    Rules rules;
    read_rules(&rules, size, units);
    for (int64_t i = 0; i < count; i++) {
        found[i] = 0;
        for (int64_t attempt = 0; attempt < plan->attempts && !found[i]; attempt++) {
            uint64_t seed = number(seeds[i], attempt);
            uint8_t full[MOST_CELLS], *puzzle = puzzles + i * rules.cells;
            found[i] = fill(&rules, seed, full)
                && harden(&rules, plan, seed, full, puzzle) >= plan->min_guesses;
        }
    }
}
