"""Views of a task: its grids turned or mirrored, and its colours exchanged; black stays black.

The published code calls a view by the task's name, the number of its turn and the new colours:
``007bbfb7|||t3|||0214356789``. So do data sets that are written here.
"""

import hashlib
import math
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple, Self, overload

import numpy as np

from hrm.randomness import Numbers, Purpose
from hrm.tasks.arc.grids import BLACK, COLOURS, Pair, around, grid_at, place_of, put
from hrm.tasks.grid import Cells, Symmetry
from hrm.tasks.symmetry import permutation, turn, turn_back

_PUBLISHED = (0, 1, 2, 3, 6, 5, 7, 4)
"""The published number of each turn of `symmetry.turn`."""
_TRIES = 5
"""Draws for each view that is wanted, as published: some tasks have few different ones."""
_UNCHANGED = tuple(range(COLOURS))
_NAME = re.compile(r"(?P<task>.+)\|\|\|t(?P<turned>[0-7])\|\|\|(?P<colours>[0-9]{10})")


class View(NamedTuple):
    """One way to see a task."""

    turned: int = 0
    """See `symmetry.turn`."""
    colours: tuple[int, ...] = _UNCHANGED
    """The new colour of each."""

    def see(self, grid: Cells) -> Cells:
        """``(R, C)`` colours as they look."""
        return turn(np.array(self.colours, dtype=np.uint8)[grid], self.turned)

    def undo(self, grid: Cells) -> Cells:
        """Back from how they look."""
        return np.argsort(self.colours).astype(np.uint8)[turn_back(grid, self.turned)]

    def name(self, task: str) -> str:
        """What the published code calls a task as it looks."""
        if self == View():
            return task
        return f"{task}|||t{_PUBLISHED[self.turned]}|||{''.join(map(str, self.colours))}"

    @classmethod
    def named(cls, name: str) -> tuple[str, Self]:
        """The task and the view that a published name stands for; a name of another kind is that
        of a task as it is."""
        found = _NAME.fullmatch(name)
        if found is None or len({*found["colours"]}) < COLOURS:
            return name, cls()
        turned = _PUBLISHED.index(int(found["turned"]))
        return found["task"], cls(turned, tuple(map(int, found["colours"])))


def draw_views(name: str, pairs: Sequence[Pair], count: int, seed: int) -> list[View]:
    """The plain view of a task, and up to `count` others under which it looks different.

    They depend on the arguments alone, not on other tasks.

    Args:
        name: of the task, a hexadecimal number.
        pairs: all of its pairs.
        count: of views beside the plain one.
        seed: names the views.
    """
    looks = _looks(pairs)
    views, seen = [View()], {looks(View())}
    drawn = Numbers(seed, Purpose.SYMMETRY, int(name, 16)).raw(_TRIES * count * COLOURS)
    drawn = drawn.reshape(-1, COLOURS)  # a turn, and the order of the colours but black
    turns = (drawn[:, 0] % np.uint64(8)).tolist()
    orders = (1 + drawn[:, 1:].argsort(axis=1, kind="stable")).tolist()
    for turned, colours in zip(turns, orders, strict=True):
        if len(views) > count:
            break
        view = View(turned, (0, *colours))
        if (look := looks(view)) not in seen:
            seen.add(look)
            views.append(view)
    return views


def _looks(pairs: Sequence[Pair]) -> Callable[[View], bytes]:
    """Gives the digest that two views share under which a task looks the same."""
    # All grids in a row, once for each turn: exchanging colours is then a single look-up.
    turned = [[turn(grid, number) for pair in pairs for grid in pair] for number in range(8)]
    shapes = [bytes(side for grid in grids for side in grid.shape) for grids in turned]
    cells = [np.concatenate([grid.ravel() for grid in grids]) for grids in turned]

    def look(view: View) -> bytes:
        seen = np.array(view.colours, dtype=np.uint8)[cells[view.turned]]
        return hashlib.blake2b(shapes[view.turned] + seen.tobytes(), digest_size=16).digest()

    return look


class Symmetries(Sequence[Symmetry]):
    """All views of canvases, each made when it is asked for; number 0 changes nothing."""

    def __len__(self) -> int:
        return 8 * math.factorial(COLOURS - 1)

    @overload
    def __getitem__(self, index: int) -> Symmetry: ...

    @overload
    def __getitem__(self, index: slice) -> list[Symmetry]: ...

    def __getitem__(self, index: int | slice) -> Symmetry | list[Symmetry]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(f"symmetry {index} of {len(self)}")
        order, turned = divmod(place, 8)
        colours = map(int, 1 + permutation(COLOURS - 1, order))
        view = View(turned, (0, *colours))
        return Symmetry(lambda cells: _each(view, cells), lambda cells: _each(view, cells, True))


def _each(view: View, cells: Cells, back: bool = False) -> Cells:
    """Each of ``(..., N, N)`` canvases, its grid as it looks, or back."""
    side = cells.shape[-1]
    canvases = cells.reshape(-1, side, side)
    return np.stack([_canvas(view, canvas, back) for canvas in canvases]).reshape(cells.shape)


def _canvas(view: View, canvas: Cells, back: bool) -> Cells:
    place = place_of(canvas)
    grid = grid_at(canvas, place)
    if not grid.size:
        return canvas
    # Rows become columns in every other turn of either kind, and the place goes with them.
    new = (place[1], place[0]) if view.turned in (1, 3, 4, 6) else place
    return put(view.undo(grid) if back else view.see(grid), canvas.shape[-1], new, around(canvas))


def canonical(canvas: Cells) -> bytes:
    """A name that a canvas shares with all its views, and with no other: the least of its turns,
    with colours renamed in the order in which they come."""
    grid = grid_at(canvas, place_of(canvas))
    return min(_renamed(turn(grid, turned)) for turned in range(8))


def _renamed(grid: Cells) -> bytes:
    found, first = np.unique(grid, return_index=True)
    order = [colour for colour in found[np.argsort(first)] if colour]
    names = np.zeros(BLACK + COLOURS, dtype=np.uint8)
    names[order] = 1 + np.arange(len(order))
    return bytes(grid.shape) + names[grid].tobytes()
