"""Sudoku on grids of 4×4, 6×6, 9×9 and 16×16 cells: every row, column and box holds each digit."""
