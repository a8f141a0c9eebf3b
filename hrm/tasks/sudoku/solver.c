/* The stated solver, for speed. What it does is said in solver.py; plain_solver.py does the same,
 * number for number.
 *
 * A candidate set is a bit for each digit that a cell may still hold, the lowest bit for digit 1.
 */

#include <stdint.h>
#include <string.h>

enum { MOST_DIGITS = 16, MOST_CELLS = 256 };
enum { NONE, ONE, SEVERAL, UNDECIDED };

typedef uint16_t Set;

typedef struct {
    int size, cells, units;
    Set all;
    uint8_t unit[3 * MOST_DIGITS][MOST_DIGITS]; /* the cells of each row, column and box */
    uint8_t units_of[MOST_CELLS][3];
} Rules;

typedef struct {
    Set sets[MOST_CELLS];
    uint8_t spread[MOST_CELLS]; /* whether the cell's digit is already taken from its units */
} Grid;

typedef struct {
    const Rules *rules;
    int64_t limit, guesses;
    int solutions, gave_up;
    uint8_t *first;
} Search;

static void read_rules(Rules *rules, int size, const int64_t *units)
{
    rules->size = size;
    rules->cells = size * size;
    rules->units = 3 * size;
    rules->all = (Set)((1u << size) - 1);
    for (int u = 0; u < rules->units; u++)
        for (int k = 0; k < size; k++) {
            uint8_t cell = (uint8_t)units[u * size + k];
            rules->unit[u][k] = cell;
            rules->units_of[cell][u / size] = (uint8_t)u;
        }
}

static int is_single(Set set) /* or empty */
{
    return !(set & (set - 1));
}

/* Take the digits of a set from all cells of a unit but one; 0 if a cell is left without any. */
static int take(const Rules *rules, Grid *grid, int unit, int but, Set digits, int *singles)
{
    for (int k = 0; k < rules->size; k++) {
        int cell = rules->unit[unit][k];
        if (cell == but || !(grid->sets[cell] & digits))
            continue;
        grid->sets[cell] &= (Set)~digits;
        if (!grid->sets[cell])
            return 0;
        *singles |= is_single(grid->sets[cell]);
    }
    return 1;
}

/* Naked singles to exhaustion; 0 if that leads to a contradiction. */
static int spread_singles(const Rules *rules, Grid *grid)
{
    for (int again = 1; again;) {
        again = 0;
        for (int cell = 0; cell < rules->cells; cell++) {
            Set set = grid->sets[cell];
            if (grid->spread[cell] || !is_single(set))
                continue;
            grid->spread[cell] = 1;
            for (int kind = 0; kind < 3; kind++)
                if (!take(rules, grid, rules->units_of[cell][kind], cell, set, &again))
                    return 0;
        }
    }
    return 1;
}

/* Naked and hidden singles to exhaustion; 0 if that leads to a contradiction. */
static int propagate(const Rules *rules, Grid *grid)
{
    for (int again = 1; again;) {
        again = 0;
        if (!spread_singles(rules, grid))
            return 0;
        for (int u = 0; u < rules->units; u++) {
            const uint8_t *unit = rules->unit[u];
            Set once = 0, twice = 0;
            for (int k = 0; k < rules->size; k++) {
                Set set = grid->sets[unit[k]];
                twice |= once & set;
                once |= set;
            }
            if (once != rules->all)
                return 0;
            for (int k = 0; k < rules->size; k++) {
                Set *set = &grid->sets[unit[k]], hidden = *set & once & (Set)~twice;
                if (!is_single(hidden))
                    return 0; /* two digits with no other place */
                if (hidden && hidden != *set) {
                    *set = hidden;
                    again = 1;
                }
            }
        }
    }
    return 1;
}

/* The first cell with the fewest candidates, but at least two; -1: all are decided. */
static int branching_cell(const Rules *rules, const Grid *grid)
{
    int best = -1, fewest = MOST_DIGITS + 1;
    for (int cell = 0; cell < rules->cells && fewest > 2; cell++) {
        int count = __builtin_popcount(grid->sets[cell]);
        if (count > 1 && count < fewest) {
            best = cell;
            fewest = count;
        }
    }
    return best;
}

static void read_digits(const Rules *rules, const Grid *grid, uint8_t *digits)
{
    for (int cell = 0; cell < rules->cells; cell++)
        digits[cell] = (uint8_t)(__builtin_ctz(grid->sets[cell]) + 1);
}

static void start(const Rules *rules, Grid *grid, const uint8_t *puzzle)
{
    memset(grid->spread, 0, sizeof grid->spread);
    for (int cell = 0; cell < rules->cells; cell++)
        grid->sets[cell] = puzzle[cell] ? (Set)(1u << (puzzle[cell] - 1)) : rules->all;
}

static void search(Search *state, Grid *grid)
{
    const Rules *rules = state->rules;
    if (!propagate(rules, grid))
        return;
    int cell = branching_cell(rules, grid);
    if (cell < 0) {
        if (!state->solutions++)
            read_digits(rules, grid, state->first);
        return;
    }
    for (Set left = grid->sets[cell]; left; left &= left - 1) {
        if (state->guesses == state->limit)
            state->gave_up = 1;
        if (state->gave_up || state->solutions > 1)
            return;
        state->guesses++;
        Grid next = *grid;
        next.sets[cell] = (Set)(left & -left);
        search(state, &next);
    }
}

static int solve(
    const Rules *rules, const uint8_t *puzzle, int64_t limit, uint8_t *solution, int64_t *guesses)
{
    Search state = {rules, limit, 0, 0, 0, solution};
    Grid grid;
    start(rules, &grid, puzzle);
    search(&state, &grid);
    *guesses = state.guesses;
    return state.solutions > 1 ? SEVERAL : state.gave_up ? UNDECIDED : state.solutions;
}

void solve_all(
    int size, const int64_t *units, int64_t count, int64_t limit, const uint8_t *puzzles,
    uint8_t *solutions, uint8_t *outcomes, int64_t *guesses)
{
    Rules rules;
    read_rules(&rules, size, units);
    for (int64_t i = 0; i < count; i++) {
        uint8_t *solution = solutions + i * rules.cells;
        outcomes[i] = (uint8_t)solve(
            &rules, puzzles + i * rules.cells, limit, solution, &guesses[i]);
        if (outcomes[i] != ONE)
            memset(solution, 0, rules.cells);
    }
}
