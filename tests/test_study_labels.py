"""Names beside points in the plot of operations."""

from hypothesis import given, settings
from hypothesis import strategies as st

from hrm.study.labels import Point, heights

POINTS = st.builds(
    Point,
    st.text("abc-", min_size=1, max_size=20),
    st.floats(0, 300).map(round),
    st.floats(0, 200).map(round),
)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.lists(POINTS, max_size=15))
def test_names_cover_neither_one_another_nor_a_point(points):
    boxes = [
        (point.x + 6, point.x + 6 + 4.2 * len(point.name), y - 4, y + 4)
        for point, y in zip(points, heights(points), strict=True)
    ]
    for i, (left, right, low, high) in enumerate(boxes):
        for other_left, other_right, other_low, other_high in boxes[:i]:
            apart = left >= other_right or other_left >= right
            assert apart or low >= other_high or other_low >= high
        for point in points:
            assert not (left < point.x < right and low < point.y < high)


def test_a_name_with_room_stands_beside_its_point():
    assert heights([Point("one", 10, 50), Point("two", 10, 80), Point("far", 200, 50)]) == [
        50, 80, 50,
    ]  # fmt: skip
    assert heights([]) == []
