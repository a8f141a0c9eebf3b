"""The benchmark of what a segment costs by size."""

import pytest

from benchmarks.size_cost import exponent, row


def test_the_exponent_is_that_of_the_number_of_cells():
    sizes = [10, 20, 40]
    assert exponent(sizes, [3.0 * n**2 for n in sizes]) == pytest.approx(1)
    assert exponent(sizes, [0.1 * n**4 for n in sizes]) == pytest.approx(2)


def test_a_row_has_a_time_for_each_size_and_the_exponent(monkeypatch):
    monkeypatch.setattr("benchmarks.size_cost.SECONDS", 0)
    cells = row("boardpath-10x10", [4, 6]).strip("| ").split(" | ")
    assert cells[0] == "`boardpath-10x10`" and len(cells) == 4
    assert all(float(cell) > 0 for cell in cells[1:3])
