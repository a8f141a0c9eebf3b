"""What the numbers of a data set are called: a glyph and a word for each.

In settings and files a code is one string, its glyph and its word: "# wall".
"""

import string
from collections.abc import Iterator, Sequence

from hrm.tasks.grid import Code

_RESERVED = "/?"
"""Two slashes begin a comment, and a question mark stands for a cell that is not graded."""
_PUNCTUATION = [mark for mark in string.punctuation if mark not in _RESERVED]
_LETTERS = [chr(number) for number in range(0xA1, 0x180) if chr(number).isprintable()]
GLYPHS = (
    *string.digits,
    *string.ascii_lowercase,
    *string.ascii_uppercase,
    *_PUNCTUATION,
    *_LETTERS,
)
"""In the order in which they are chosen; more than there are codes."""


def read_codes(texts: Sequence[str]) -> tuple[Code, ...]:
    """Codes of strings such as "# wall"; a glyph alone has the word "code N".

    Raises:
        ValueError: naming the first one that cannot be used.
    """
    codes = []
    seen: dict[str, int] = {}
    for number, text in enumerate(texts):
        glyph, word = text[:1], text[1:].strip()
        if not _is_legible(glyph):
            raise ValueError(
                f"code {number} is {text!r}; begin with one printable character that is no space,"
                ' such as "# wall"'
            )
        if glyph in seen:
            raise ValueError(
                f"codes {seen[glyph]} and {number} have the same glyph {glyph}; give each its own"
            )
        seen[glyph] = number
        codes.append(Code(glyph, word or _word(number)))
    return tuple(codes)


def write_codes(codes: Sequence[Code]) -> list[str]:
    """What `read_codes` reads."""
    return [f"{code.glyph} {code.word}" for code in codes]


def chosen(count: int) -> tuple[Code, ...]:
    """`count` codes of which nothing is known: 0 to 9, a to z, A to Z, and so on."""
    return legible([Code("", _word(number)) for number in range(count)])


def legible(codes: Sequence[Code], count: int = 0) -> tuple[Code, ...]:
    """The codes with a glyph of its own for each.

    A space becomes a dot. A glyph that is empty, not to be read, or taken by a code before is
    replaced by one that no code has.

    Args:
        codes: with glyphs and words.
        count: how many to give at least; those after `codes` have the word "code N".
    """
    codes = [*codes, *(Code("", _word(number)) for number in range(len(codes), count))]
    codes = [Code("." if code.glyph == " " else code.glyph, code.word) for code in codes]
    free = _others({code.glyph for code in codes})
    seen: set[str] = set()
    found = []
    for code in codes:
        keeps = _is_legible(code.glyph) and code.glyph not in seen
        found.append(Code(code.glyph if keeps else next(free), code.word))
        seen.add(found[-1].glyph)
    return tuple(found)


def _others(taken: set[str]) -> Iterator[str]:
    return (glyph for glyph in GLYPHS if glyph not in taken)


def _is_legible(glyph: str) -> bool:
    return len(glyph) == 1 and glyph.isprintable() and not glyph.isspace()


def _word(number: int) -> str:
    return f"code {number}"
