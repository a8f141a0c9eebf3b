"""A small canvas with smooth edges: boxes, discs, diamonds, lines and words."""

from collections.abc import Sequence
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]

PAPER, INK, FAINT_INK = (255, 255, 255), (31, 41, 55), (107, 114, 128)
GRID, TILE = (226, 224, 218), (246, 245, 241)
RIGHT, PATH = (0, 128, 96), (29, 95, 214)
BELIEF, WRONG = (147, 190, 250), (192, 24, 122)
ALL = (PAPER, INK, FAINT_INK, GRID, TILE, RIGHT, PATH, BELIEF, WRONG)
"""The colours of every picture; a task adds its own."""

_OVERSAMPLING = 4


class Canvas:
    """Shapes in pixels of the picture, drawn several times larger and averaged down: smooth edges.

    Averaging, because a sharper filter leaves bright rims along the walls.
    """

    def __init__(self, width: int, height: int, paper: Colour) -> None:
        size = (width * _OVERSAMPLING, height * _OVERSAMPLING)
        self._image = Image.new("RGB", size, paper)
        self._draw = ImageDraw.Draw(self._image)

    def picture(self) -> Image.Image:
        return self._image.reduce(_OVERSAMPLING)

    def box(
        self,
        left: float,
        top: float,
        right: float,
        bottom: float,
        colour: Colour,
        radius: float = 0.0,
    ) -> None:
        left, top, right, bottom = (round(v * _OVERSAMPLING) for v in (left, top, right, bottom))
        corners = (left, top, max(left, right - 1), max(top, bottom - 1))
        self._draw.rounded_rectangle(corners, radius * _OVERSAMPLING, colour)

    def square(self, x: float, y: float, side: float, colour: Colour) -> None:
        half = side / 2
        self.box(x - half, y - half, x + half, y + half, colour)

    def disc(self, x: float, y: float, diameter: float, colour: Colour) -> None:
        x, y, radius = (v * _OVERSAMPLING for v in (x, y, diameter / 2))
        self._draw.ellipse((x - radius, y - radius, x + radius, y + radius), colour)

    def diamond(self, x: float, y: float, width: float, colour: Colour) -> None:
        x, y, half = (v * _OVERSAMPLING for v in (x, y, width / 2))
        self._draw.polygon([(x - half, y), (x, y - half), (x + half, y), (x, y + half)], colour)

    def line(self, points: Sequence[tuple[float, float]], width: float, colour: Colour) -> None:
        scaled = [(x * _OVERSAMPLING, y * _OVERSAMPLING) for x, y in points]
        self._draw.line(scaled, colour, round(width * _OVERSAMPLING))
        for x, y in points:
            self.disc(x, y, width, colour)

    def cross(
        self, x: float, y: float, side: float, colour: Colour, rim: Colour | None = None
    ) -> None:
        """Two strokes; with a rim around them, so that they stand out on any ground."""
        half = side / 2
        strokes = [[(x - half, y - tilt), (x + half, y + tilt)] for tilt in (half, -half)]
        rims = [(max(2, 0.3 * side), rim)] if rim else []
        for width, ink in (*rims, (0, colour)):
            for stroke in strokes:
                self.line(stroke, 0.28 * side + width, ink)

    def text(
        self, x: float, y: float, words: str, size: float, colour: Colour, anchor: str = "l"
    ) -> None:
        """Words whose capitals are centred on height `y`."""
        baseline = (x * _OVERSAMPLING, (y + 0.36 * size) * _OVERSAMPLING)
        self._draw.text(baseline, words, colour, _font(size * _OVERSAMPLING), f"{anchor}s")


@lru_cache
def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def text_width(words: str, size: float) -> float:
    """How wide `Canvas.text` writes the words, in pixels of the picture."""
    return _font(size * _OVERSAMPLING).getbbox(words)[2] / _OVERSAMPLING


def blend(ground: Colour, colour: Colour, share: float) -> Colour:
    """`ground` with a share, in [0, 1], of `colour` over it."""
    red, green, blue = (round(g + (c - g) * share) for g, c in zip(ground, colour, strict=True))
    return red, green, blue
