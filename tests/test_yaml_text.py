"""YAML as people mean it, and nothing that builds objects or grows without end."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hrm.config.yaml_text import parse_yaml, to_yaml

pytestmark = pytest.mark.filterwarnings("error")

FEW = settings(deadline=None, max_examples=200, derandomize=True)
TOKENS = [
    *["a", "b", "1", "0x", "_", "1e3", "e", ".", "-", "+", "~", "null", "yes", "2001-01-01", "1:2"],
    *[": ", "- ", "\n", "\n  ", "\t", "[", "]", "{", "}", ", ", "? ", "|", ">", "'", '"', "#", "%"],
    *["&x ", "*x", "<<", "=", "!", "---\n", "...\n", "\x00", "\x85", "\ufeff", "é", "\U0001f600"],
]
TAGS = ["!!int ", "!!float ", "!!bool ", "!!null ", "!!timestamp ", "!!binary ", "!!map ", "!!seq "]
MORE_TAGS = ["!!set ", "!!omap ", "!!pairs ", "!!str ", "!exponent ", "!!python/name:os.system "]


def value_or_error(text):
    try:
        return parse_yaml(text, source="mine")
    except ValueError as error:
        assert str(error).startswith("mine:")
        assert "\n" not in str(error)
        return error


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1e-3", 1e-3),
        ("1E-3", 1e-3),
        ("1e4", 10_000),
        ("+1e4", 10_000),
        ("-2e3", -2000),
        ("1e+4", 10_000),
        ("2.5e1", 25),
        ("2.5e-1", 0.25),
        (".5e1", 5),
        ("3.e2", 300),
        ("0e5", 0),
        ("1.5", 1.5),
        ("12", 12),
        ("1e-05", 1e-5),
        ("1.0e-05", 1e-5),
    ],
)
def test_numbers_with_exponents_are_numbers(text, expected):
    found = parse_yaml(text, "mine")
    assert found == expected
    assert type(found) is type(expected)
    assert parse_yaml(f"a: {text}\nb: [{text}]", "mine") == {"a": expected, "b": [expected]}


@pytest.mark.parametrize("text", ["e3", "1e", "1e3x", "a1e3", "e", "1e3.5", "--1e3", "1 e3"])
def test_what_only_looks_like_an_exponent_is_text(text):
    assert parse_yaml(text, "mine") == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [("010", 10), ("-007", -7), ("09", 9), ("0o10", 8), ("0x10", 16), ("1_000", 1000), ("+3", 3)],
)
def test_whole_numbers_are_those_of_yaml_1_2(text, expected):
    assert parse_yaml(text, "mine") == expected
    assert parse_yaml(f"%YAML 1.1\n---\n{text}", "mine") == expected


@pytest.mark.parametrize(
    "text", ["1:30", "1:30.5", "190:20:30", "12:00", "on", "off", "yes", "No", "y"]
)
def test_times_and_words_for_yes_are_text(text):
    assert parse_yaml(text, "mine") == text
    assert parse_yaml(f"a: {text}\n{text}: [{text}]", "mine") == {"a": text, text: [text]}


@pytest.mark.parametrize("text", ["'1e3'", '"1e3"', "!!str 1e3"])
def test_a_quoted_exponent_is_text(text):
    assert parse_yaml(text, "mine") == "1e3"


def test_a_document_is_plain_values():
    text = "task:\n  seed: 3  # comment\n  stream: true\n  file: null\n  list: [1, x, {y: 0.5}]\n"
    expected = {"seed": 3, "stream": True, "file": None, "list": [1, "x", {"y": 0.5}]}
    assert parse_yaml(text, "mine") == {"task": expected}
    assert parse_yaml("", "mine") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2", "mine: line 2, column 1: key 'a' twice"),
        ("t:\n  a: 1\n  b: 2\n  a: 1", "mine: line 4, column 3: key 'a' twice"),
        ("{a: 1, a: 2}", "mine: line 1, column 8: key 'a' twice"),
        ("1: a\n1.0: b", "mine: line 2, column 1: key 1.0 twice"),
        ("a: 1\n'a': 1", "mine: line 2, column 1: key 'a' twice"),
        ("a: &x [1]\nb: *x", "mine: line 2, column 4: aliases are not used"),
        ("a: [1\n", "mine: line 2"),
        ("a: b: c", "mine: line 1, column 5"),
        ("\ta: 1", "mine: line 1"),
        ("a\n---\nb", "mine: line 2"),
        ("a: \x00", "mine: not YAML"),
        ("<<: {a: 1}", "mine: line 1"),
        ("[a]: 1\n", "mine: line 1, column 1: a list cannot be a key"),
        ("{a: 1}: 1\n", "mine: line 1"),
        ("a: 1\n<<: {a: 2}", "mine: line 2, column 1"),
        ("a: &x 1\nb: &x 2\nc: *x", "mine: line 3, column 4: aliases"),
        ("2001-99-99", "mine: not YAML"),
    ],
)
def test_mistakes_are_refused_with_their_place(text, message):
    with pytest.raises(ValueError) as caught:
        parse_yaml(text, "mine")
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.getcwd []",
        "!!python/name:os.getcwd",
        "!!python/tuple [1, 2]",
        "a: !!python/object/new:dict [[]]",
        "!unknown x",
    ],
)
def test_tags_that_build_objects_are_refused(text):
    with pytest.raises(ValueError, match=r"^mine: line 1, column \d+: could not determine"):
        parse_yaml(text, "mine")


def test_text_that_would_expand_without_end_is_refused():
    layers = ["a0: &a0 [x, x]"]
    layers += [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40)]
    with pytest.raises(ValueError, match="mine: line 2, column 10: aliases"):
        parse_yaml("\n".join(layers), "mine")


@pytest.mark.parametrize("text", ["[" * 3000, "{a: " * 3000, "- " * 3000])
def test_bottomless_nesting_is_refused(text):
    assert isinstance(value_or_error(text), ValueError)


@FEW
@given(st.one_of(st.text(), st.lists(st.sampled_from(TOKENS), max_size=15).map("".join)))
def test_any_text_is_a_value_or_a_value_error(text):
    value_or_error(text)


LOOKS = ["010", "1:30", "on", "1e3", ".5e1", "0o7", "~", "", "<<", "=", "*x", "2001-01-01"]
SCALARS = [st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()]
PLAIN = st.recursive(
    st.one_of(*SCALARS, st.sampled_from(LOOKS)),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(), below, max_size=3),
    max_leaves=8,
)


@FEW
@given(PLAIN)
@example({"a\x85b": ["\x85", "\u2028", "\ufeff", "a\n b", " \n", "\t", "\x00"]})
def test_what_is_written_is_read_back(value):
    found = parse_yaml(to_yaml(value), "mine")
    assert found == value
    assert type(found) is type(value) or isinstance(value, float)


def test_the_same_list_twice_is_written_twice():
    same = [1, 2]
    assert parse_yaml(to_yaml({"a": same, "b": same}), "mine") == {"a": same, "b": same}


def test_the_config_of_an_old_run_reads_as_before():
    text = (
        "task:\n  board_size: 10\n  train_boards: '010'\n  val_boards: 'on'\n  stream: true\n"
        "  board_sizes:\n  - 8\n  - 10\nmodel:\n  expansion: 4.0\n  L_block_cnt: null\n"
        'train:\n  lr: 0.0003\n  weight_decay: 1e-05\n  init_from: "caf\\xE9 1e3"\n'
    )
    task = {"board_size": 10, "train_boards": "010", "val_boards": "on", "stream": True}
    assert parse_yaml(text, "mine") == {
        "task": {**task, "board_sizes": [8, 10]},
        "model": {"expansion": 4.0, "L_block_cnt": None},
        "train": {"lr": 3e-4, "weight_decay": 1e-5, "init_from": "café 1e3"},
    }


@pytest.mark.parametrize("tag", TAGS + MORE_TAGS)
def test_a_tag_with_any_value_is_a_value_or_a_value_error(tag):
    for value in ("", "x", "''", "-", "+", "[1]", "{a: 1}", "1e3", "\n", "~", "2001"):
        value_or_error(tag + value)


@pytest.mark.parametrize("number", [1e-5, 3e-4, 1e16, 1e-300, 5e-324, -1e-7, 1e300])
def test_small_and_large_numbers_are_written_as_people_write_them(number):
    text = to_yaml({"lr": number})
    assert text == f"lr: {number!r}\n"
    assert parse_yaml(text, "here")["lr"] == number
