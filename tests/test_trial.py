"""`hrm data check TASK` finds each kind of mistake in what a task says of itself."""

import numpy as np
import pytest

from hrm import IGNORE, Code, Numbers, Structure, Symmetry, Task, turns_of
from hrm.data.source import fresh, held_out
from hrm.data.trial import try_out
from hrm.tasks import registry


class Rows(Task):
    """Colour each cell like the first cell of its row."""

    class Config(Task.Config):
        rows: int = 3
        columns: int = 4

    codes = (Code("a", "red"), Code("b", "blue"), Code("c", "green"))

    def draw(self, count, key):
        return Numbers(*key).below(3, (count, *self.shape)).astype(np.uint8)

    def answer(self, inputs):
        return np.repeat(inputs[..., :1], inputs.shape[-1], axis=-1)


def findings(task: Task) -> list[str]:
    """What is bad, in words."""
    return [finding.words for finding in try_out(task) if not finding.good]


def found(task_class: type[Task]) -> str:
    """The first thing that is bad; others may follow from it."""
    return findings(task_class())[0]


def test_a_task_that_keeps_its_word_passes():
    assert findings(Rows()) == []
    assert len(list(try_out(Rows()))) == 11


@pytest.mark.parametrize("name", sorted(registry.BUILT_IN.keys() - {"folder"}))
def test_the_tasks_that_come_with_hrm_keep_their_word(name):
    assert findings(registry.make(registry.read_settings({"name": name}))) == []


# Codes and puzzles.


def test_codes_without_a_glyph_of_their_own_are_found():
    class Twice(Rows):
        codes = (Code("a", "red"), Code("a", "blue"), Code("c", "green"))

    class Long(Rows):
        codes = (Code("a", "red"), Code("bb", "blue"), Code("c", "green"))

    class Space(Rows):
        codes = (Code("a", "red"), Code(" ", "blue"), Code("c", "green"))

    class Answers(Rows):
        answer_codes = (Code("a", "red"), Code("", "blue"), Code("c", "green"))

    class NoCodes(Rows):
        codes = ()

    assert "'a' stands for two codes" in found(Twice)
    assert "'bb' for blue" in found(Long)
    assert found(Space).startswith("parse: ")
    assert "answer_codes" in found(Answers) and "for blue" in found(Answers)
    assert "give a Code" in found(NoCodes)


def test_draws_that_do_not_follow_from_the_key_are_found():
    generator = np.random.default_rng(0)

    class AnyTime(Rows):
        def draw(self, count, key):
            return generator.integers(0, 3, (count, *self.shape), dtype=np.uint8)

    class AlwaysTheSame(Rows):
        def draw(self, count, key):
            return super().draw(count, (7,))

    assert "same key" in found(AnyTime) and "hrm.Numbers" in found(AnyTime)
    assert "another key" in found(AlwaysTheSame)


def test_draws_that_are_no_codes_are_found():
    class Numbers64(Rows):
        def draw(self, count, key):
            return super().draw(count, key).astype(np.int64)

    class Flat(Rows):
        def draw(self, count, key):
            return super().draw(count, key).reshape(count, -1)

    class Turned(Rows):
        def draw(self, count, key):
            return super().draw(count, key).swapaxes(1, 2)

    class TooHigh(Rows):
        def draw(self, count, key):
            return super().draw(count, key) + np.uint8(1)

    class Nested(Rows):
        def draw(self, count, key):
            return super().draw(count, key).tolist()

    class Nothing(Rows):
        def draw(self, count, key):
            return super().draw(0, key)

    assert "int64" in found(Numbers64) and "expected uint8" in found(Numbers64)
    assert "(64, 12)" in found(Flat) and "(n, 3, 4)" in found(Flat)
    assert "(64, 4, 3)" in found(Turned)
    assert "code 3" in found(TooHigh) and "0 to 2" in found(TooHigh)
    assert "gives list, expected an array" in found(Nested)
    assert "(0, 3, 4)" in found(Nothing)


def test_what_is_wrong_with_draws_is_also_said_in_training_and_evaluation():
    class TooHigh(Rows):
        def draw(self, count, key):
            return super().draw(count, key) + np.uint8(1)

    with pytest.raises(ValueError, match=r"task TooHigh: draw: .*code 3"):
        next(fresh(TooHigh(), (0,), seen=set()))

    class OneAnswer(Rows):
        def answer(self, inputs):
            return super().answer(inputs)[0]

    with pytest.raises(ValueError, match=r"task OneAnswer: answer: .*\(5, 3, 4\)"):
        held_out(OneAnswer(), 5)


def test_a_task_without_draw_or_answer_says_so():
    class NoDraw(Task):
        Config, codes = Rows.Config, Rows.codes

    class NoAnswer(NoDraw):
        draw = Rows.draw

    assert "write `draw`" in found(NoDraw)
    assert "write `answer`" in found(NoAnswer)


def test_one_puzzle_at_a_time_is_as_good_as_many():
    class OneByOne(Task):
        Config, codes = Rows.Config, Rows.codes

        def draw_one(self, numbers):
            return numbers.below(3, self.shape).astype(np.uint8)

        def answer_one(self, puzzle):
            return None if puzzle[0, 0] == 2 else np.repeat(puzzle[:, :1], 4, axis=1)

    assert OneByOne().draw(5, (3, 1)).tobytes() == Rows().draw(5, (3, 1)).tobytes()
    inputs = OneByOne().draw(30, (1,))
    answers = OneByOne().answer(inputs)
    for puzzle, answer in zip(inputs, answers, strict=True):
        if puzzle[0, 0] == 2:
            assert (answer == IGNORE).all()
        else:
            assert answer.tolist() == [[row[0]] * 4 for row in puzzle.tolist()]


# Answers and checks.


def test_answers_that_are_no_codes_are_found():
    class Numbers64(Rows):
        def answer(self, inputs):
            return super().answer(inputs).astype(int)

    class Narrow(Rows):
        def answer(self, inputs):
            return inputs[..., :1]

    class TooHigh(Rows):
        def answer(self, inputs):
            return super().answer(inputs) + np.uint8(1)

    class NoneAtAll(Rows):
        def answer(self, inputs):
            return np.full_like(inputs, IGNORE)

    assert "int64" in found(Numbers64)
    assert "(100, 3, 1)" in found(Narrow)
    assert "code 3" in found(TooHigh)
    assert "none for any" in found(NoneAtAll)


def test_puzzles_without_an_answer_are_shown():
    class Some(Rows):
        def answer(self, inputs):
            answers = super().answer(inputs)
            answers[inputs[:, 0, 0] == 0] = IGNORE
            return answers

    words = found(Some)
    assert "of 100 have none" in words
    assert words.splitlines()[1].startswith("a ")


def test_answers_that_depend_on_what_stands_beside_are_found():
    class Neighbours(Rows):
        def answer(self, inputs):
            return np.repeat(super().answer(inputs)[:1], len(inputs), axis=0)

    assert "in another order" in found(Neighbours)


def test_a_check_that_refuses_its_own_answers_is_found():
    class Refuses(Rows):
        def check(self, inputs, answers):
            return super().check(inputs, answers) & (inputs[:, 0, 0] != 1)

    words = found(Refuses)
    assert "refuses" in words and words.splitlines()[1].startswith("b ")


def test_a_check_that_lets_everything_pass_is_found():
    class Lax(Rows):
        def check(self, inputs, answers):
            return np.ones(len(inputs), dtype=bool)

    assert "lets the answers of other puzzles pass" in found(Lax)


def test_a_check_of_another_form_is_found():
    class CellByCell(Rows):
        def check(self, inputs, answers):
            return answers == self.answer(inputs)

    assert "expected bool of (100,)" in findings(CellByCell())[0]


def test_contradictions_in_the_tasks_own_answers_are_found():
    class Crosses(Rows):
        def check(self, inputs, answers):
            return (answers == self.answer(inputs)).all(axis=(1, 2))

        def contradictions(self, inputs, answers):
            return answers == 2

    class Counts(Crosses):
        def contradictions(self, inputs, answers):
            return (answers == 2).sum(axis=(1, 2))

    class Restores(Rows):
        def restore(self, inputs, answers):
            return np.where(answers == 2, np.uint8(0), answers)

    assert "at fault in the task's own answers" in found(Crosses)
    assert "expected bool of (100, 3, 4)" in found(Counts)
    assert "restore" in found(Restores)


def test_an_answer_without_contradictions_is_right():
    class Told(Rows):
        def contradictions(self, inputs, answers):
            return answers != inputs[..., :1]

    inputs = Told().draw(20, (1,))
    answers = Told().answer(inputs)
    assert Told().check(inputs, answers).all()
    answers[3, 1, 2] += 1
    assert np.flatnonzero(~Told().check(inputs, answers)).tolist() == [3]
    assert findings(Told()) == []


# Text.


def test_text_that_does_not_come_back_is_found():
    class Capitals(Rows):
        def rows(self, cells, answer=False):
            return [row.replace("a", "b") for row in super().rows(cells, answer)]

    class Quotes(Rows):
        def format_all(self, inputs):
            return super().format_all(inputs).replace("\n\n", "\n\n// a comment\n\nab\n\n", 1)

    assert "does not read back what format_all writes" in found(Capitals)
    assert "parse" in found(Quotes)


def test_a_complaint_of_ones_own_puzzles_is_found():
    class Grumbles(Rows):
        def complaint(self, puzzle):
            return "a blue corner" if puzzle[0, 0] == 1 else None

    assert any("complaint" in words and "a blue corner" in words for words in findings(Grumbles()))


# Symmetries and structure.


class Viewed(Rows):
    """The same with symmetries of a test's own."""

    views: tuple[Symmetry, ...] = ()

    @property
    def symmetries(self):
        return self.views


def unchanged(cells):
    return cells


def upside_down(cells):
    return cells[..., ::-1, :]


def test_a_symmetry_that_is_none_is_found():
    class Mirrored(Rows):
        @property
        def symmetries(self):
            return turns_of(self.shape)  # a mirrored row begins with another cell

    assert "no answer to the view" in found(Mirrored)


def test_a_first_symmetry_that_changes_the_puzzle_is_found():
    class First(Viewed):
        views = (Symmetry(upside_down, upside_down),)

    assert "number 0: changes the puzzle" in found(First)


def test_an_undo_that_does_not_undo_is_found():
    class Stays(Viewed):
        views = (
            Symmetry(unchanged, unchanged),
            Symmetry(upside_down, unchanged),
        )

    assert "number 1: undo" in found(Stays)


def test_a_view_that_needs_many_puzzles_is_found():
    class ByAxis(Viewed):
        views = (
            Symmetry(unchanged, unchanged),
            Symmetry(lambda cells: cells[:, ::-1], lambda cells: cells[:, ::-1]),
        )

    assert "axes -2 and -1" in found(ByAxis)


def test_a_view_of_another_shape_is_found():
    class Turned(Viewed):
        views = (
            Symmetry(unchanged, unchanged),
            Symmetry(lambda cells: cells.swapaxes(-1, -2), lambda cells: cells.swapaxes(-1, -2)),
        )

    assert "(100, 4, 3)" in found(Turned)


def test_a_label_that_is_not_symmetric_is_found_unless_the_task_says_so():
    class AnyColour(Viewed):
        """Name a colour that the puzzle has; the label is that of its first cell."""

        views = (
            Symmetry(unchanged, unchanged),
            Symmetry(upside_down, upside_down),
        )

        def answer(self, inputs):
            return np.broadcast_to(inputs[:, :1, :1], inputs.shape).copy()

        def check(self, inputs, answers):
            one = (answers == answers[:, :1, :1]).all(axis=(1, 2))
            return one & (inputs == answers[:, :1, :1]).any(axis=(1, 2))

    class Says(AnyColour):
        relabels = True

    # Most puzzles of twelve cells have all three colours, so other answers pass too: not all.
    assert "relabels = True" in found(AnyColour)
    assert findings(Says()) == []


def test_a_structure_of_cells_or_codes_that_there_are_not_is_found():
    class Cells(Rows):
        structure = Structure(groups={"row": ((0, 1, 2, 3), (9, 10, 11, 12))})

    class Sizes(Rows):
        structure = Structure(groups={"row": ((0, 1, 2, 3), (4, 5))})

    class Codes(Rows):
        structure = Structure(interchangeable=((1, 3),))

    class Alike(Rows):
        structure = Structure(groups={"row": ((0, 1), (2, 3))}, alike=(("row", "column"),))

    class Twice(Rows):
        structure = Structure(
            groups={"row": ((0, 1), (2, 3)), "pair": ((0, 2),)}, alike=(("row", "pair"), ("row",))
        )

    assert "no groups of column" in found(Alike)
    assert "row, row" in found(Twice) and "twice" in found(Twice)
    assert "'row'" in found(Cells) and "0 to 11" in found(Cells)
    assert "one size" in found(Sizes)
    assert any("0 to 2" in words for words in findings(Codes()))


def test_codes_that_cannot_be_exchanged_are_found():
    class Majority(Rows):
        """Colour all cells with the highest code."""

        structure = Structure(interchangeable=((0, 1, 2),))

        def answer(self, inputs):
            return np.broadcast_to(inputs.max(axis=(1, 2), keepdims=True), inputs.shape).copy()

        def check(self, inputs, answers):
            return (answers == self.answer(inputs)).all(axis=(1, 2))

        def draw(self, count, key):
            # Few puzzles have all three colours.
            inputs = super().draw(count, key)
            return np.where(inputs == inputs[:, :1, :1], inputs, inputs[:, -1:, -1:])

    assert any("interchangeable" in words for words in findings(Majority()))

    class Exchangeable(Rows):
        structure = Structure(interchangeable=((0, 1, 2),))

    assert findings(Exchangeable()) == []
    assert len(Exchangeable().symmetries) == 6


# Errors inside.


def test_an_error_inside_is_told_with_its_line(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from hrm import Code, Task\n"
        "class Mine(Task):\n"
        "    class Config(Task.Config):\n"
        "        size: int = 3\n"
        "    codes = (Code('a', 'one'),)\n"
        "    def draw_one(self, numbers):\n"
        "        return [][1]\n"
    )
    task = registry.make(registry.read_settings({"name": f"{file}:Mine"}))
    assert findings(task) == ["draw: mine.py: line 7: IndexError: list index out of range"]


@pytest.mark.parametrize(
    "method", ["answer", "check", "contradictions", "restore", "format", "parse", "complaint"]
)
def test_an_error_inside_any_method_is_a_finding(method):
    def fails(self, *arguments):
        raise KeyError("a hidden fault")

    broken = type("Broken", (Rows,), {method: fails})
    assert any("KeyError: 'a hidden fault'" in words for words in findings(broken()))


def test_a_task_that_changes_what_it_is_given_is_found():
    class Overwrites(Rows):
        def answer(self, inputs):
            inputs[..., 1:] = inputs[..., :1]
            return inputs

    assert "read-only" in found(Overwrites)
