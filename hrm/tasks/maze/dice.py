"""Random whole numbers, one at a time, for what is drawn step by step."""

from collections.abc import Iterator

from hrm.randomness import Numbers

_BLOCK = 1024


class Dice:
    """Numbers of a stream, one at a time.

    Args:
        numbers: where they come from.
    """

    def __init__(self, numbers: Numbers):
        self._raw = _one_by_one(numbers)

    def below(self, limit: int) -> int:
        """A number from 0 to `limit` - 1, all equally likely."""
        return next(self._raw) % limit

    def order(self, count: int) -> list[int]:
        """The numbers 0 to `count` - 1 in random order."""
        items = list(range(count))
        for last in range(count - 1, 0, -1):
            other = self.below(last + 1)
            items[last], items[other] = items[other], items[last]
        return items


def _one_by_one(numbers: Numbers) -> Iterator[int]:
    while True:
        yield from numbers.raw(_BLOCK).tolist()
