"""Letters of twenty scripts without a download: fonts that matplotlib ships, drawn by twenty hands,
in the form of `omniglot.npz`.

A hand has its slant, turn, proportions and pen; each drawing wobbles a little besides. The outlines
are whole numbers in the font files, and everything done to them is elementwise arithmetic on
doubles, so the bytes are the same everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from distillery.data.embedded.chance import FloatArray, spread
from distillery.data.embedded.raster import covered
from distillery.support.extras import extra

SIDE, HANDS, LETTERS, LETTER_BOX = 28, 20, 20, 20.0
_SEED = 1623


class Alphabet(NamedTuple):
    """Its name, the font file, its letters, and what share of a stroke a fine pen may take away
    (nothing where the font has hairlines).
    """

    name: str
    font: str
    letters: str
    thinned: float = 0.25


class Outline(NamedTuple):
    """Closed polygons: corners in font units, y upwards, and for each corner the index of the next
    and of the one before.
    """

    corners: FloatArray
    after: NDArray[np.intp]
    before: NDArray[np.intp]


def _letters(first: int, without: str = "") -> str:
    """The first twenty characters from a code point on, some left out."""
    letters = (chr(point) for point in range(first, first + 100) if chr(point) not in without)
    return "".join(islice(letters, LETTERS))


# B, E, F, H, I, L, M and R stand elsewhere.
_NO_SCRIPT = "".join(chr(0x1D49C + i) for i in (1, 4, 5, 7, 8, 11, 12, 17))
BACKGROUND = (
    Alphabet(
        "Arabic",
        "DejaVuSans",
        _letters(0x627, without="\u0629\u0649\u063b\u063c\u063d\u063e\u063f\u0640"),
    ),
    Alphabet("Armenian", "DejaVuSans", _letters(0x531)),
    Alphabet("Braille", "DejaVuSans", "⠃⠉⠙⠑⠋⠛⠓⠊⠚⠅⠇⠍⠝⠕⠏⠟⠗⠎⠞⠥"),
    Alphabet("Cyrillic", "DejaVuSans", "БВГДЖЗИКЛПУФЦЧШЩЪЫЭЮ"),
    Alphabet("Georgian Asomtavruli", "DejaVuSans", _letters(0x10A0)),
    Alphabet("Georgian Mkhedruli", "DejaVuSans", _letters(0x10D0)),
    Alphabet("Greek", "DejaVuSans", _letters(0x3B1, without="\u03bf\u03c2")),
    Alphabet("Hebrew", "DejaVuSans", _letters(0x5D0, without="ךםןףץ")),
    Alphabet("Inuktitut", "DejaVuSans", "ᐁᐃᐅᐊᑌᑎᑐᑕᑫᑭᑯᑲᒉᒋᒍᒐᒣᒥᒧᒪ"),
    Alphabet("Latin", "DejaVuSans", "ABCDEFGHJKLMNPQRSTYZ"),
    Alphabet("Mathematics", "DejaVuSans", "∀∂∃∅∇∈∏∑√∝∞∠∧∩∫≈≠≡⊂⊕"),
    Alphabet("N'Ko", "DejaVuSans", _letters(0x7CA)),
    Alphabet("Ogham", "DejaVuSans", _letters(0x1681)),
    Alphabet("Tifinagh", "DejaVuSans", _letters(0x2D30)),
)
EVALUATION = (
    Alphabet(
        "Fraktur",
        "STIXGeneral",
        _letters(0x1D504, without="\U0001d506\U0001d50b\U0001d50c\U0001d515"),
        thinned=0.0,
    ),
    Alphabet("Georgian Nuskhuri", "DejaVuSans", _letters(0x2D00)),
    Alphabet("Lao", "DejaVuSans", "ກຂຄງຈຊຍດຕຖທນບປຜຝພຟມຢ"),
    Alphabet("Old Italic", "DejaVuSans", _letters(0x10300)),
    Alphabet("Phonetic", "DejaVuSans", "ɐɑɓɔɕɖəɚɛɜɞɟɠɤɥɧɮɰɶɸ"),
    Alphabet("Script", "STIXGeneral", _letters(0x1D49C, without=_NO_SCRIPT), thinned=0.0),
)
ALPHABETS = BACKGROUND + EVALUATION


def arrays() -> dict[str, NDArray]:
    """The arrays of `omniglot.npz`: 8,000 drawings, ink 255, of 20 alphabets with 20 letters and 20
    hands each.
    """
    pages = [_page(number, alphabet) for number, alphabet in enumerate(ALPHABETS)]
    alphabet, letter, hand = np.indices((len(ALPHABETS), LETTERS, HANDS)).reshape(3, -1)
    return {
        "images": np.concatenate(pages),
        "alphabet": alphabet.astype(np.uint8),
        "character": (letter + 1).astype(np.uint8),
        "drawer": (hand + 1).astype(np.uint8),
        "class_id": (alphabet * LETTERS + letter + 1).astype(np.int16),
        "is_evaluation": alphabet >= len(BACKGROUND),
        "alphabet_names": np.array([a.name for a in ALPHABETS]),
    }


def outlines(alphabet: Alphabet) -> list[Outline]:
    """The outlines of an alphabet's letters; a letter that the font lacks is an error."""
    font, names = _font(alphabet.font)
    return [_outline(font, names[ord(letter)]) for letter in alphabet.letters]


def _page(number: int, alphabet: Alphabet) -> NDArray[np.uint8]:
    """One alphabet, all letters by all hands: (letters * hands, 28, 28).

    Small letters stay smaller, but less so than in print.
    """
    letters = outlines(alphabet)
    sizes = [np.ptp(letter.corners, axis=0).max() for letter in letters]
    low, high = (f([f(letter.corners[:, 1]) for letter in letters]) for f in (min, max))
    hands = spread(_SEED + number, HANDS, 5)
    wobbles = spread(_SEED + 100 + number, len(letters), HANDS, 10)
    pages = []
    for letter, size, wobble in zip(letters, sizes, wobbles, strict=True):
        left, bottom, right, top = (
            f(letter.corners[:, i]) for f in (np.min, np.max) for i in (0, 1)
        )
        middle = (left + right) / 2, ((bottom + top) / 2 + (low + high) / 2) / 2
        # About -1 to 1, y downwards as in an image.
        unit = (letter.corners - middle) * (2 / np.sqrt(size * max(sizes))) * (1, -1)
        corners = _drawn(letter, unit, hands, wobble, alphabet.thinned)
        pages.append(covered(corners, letter.after, SIDE))
    return np.concatenate(pages)


def _drawn(
    letter: Outline, unit: FloatArray, hands: FloatArray, wobble: FloatArray, thinned: float
) -> FloatArray:
    """Where the corners of a letter come to lie on the page, in pixels: (hands, corners, 2)."""
    turn, slant, wide, tall, pen = (
        size * hands[:, i, None] for i, size in enumerate((0.13, 0.18, 0.1, 0.08, 0.5))
    )
    x, y = unit[:, 0], unit[:, 1]
    w = 0.065 * wobble.T[:, :, None]
    bent_x = x + w[0] * x * y + w[1] * y * y + w[2] * x * x + w[3] * y
    bent_y = y + w[4] * x * y + w[5] * x * x + w[6] * y * y + w[7] * x
    across = (1 + wide) * (bent_x + (slant - turn) * bent_y) + 2 * w[8]
    down = (1 + tall) * (bent_y + turn * bent_x) + 2 * w[9]
    placed = np.stack([across, down], axis=-1) * (LETTER_BOX / 2) + SIDE / 2
    stroke = _stroke(placed[0], letter)
    wider = np.clip((1.75 + pen - stroke) / 2, -thinned * stroke, 0.5)
    return placed + wider[..., None] * _outward(placed, letter)


def _stroke(placed: FloatArray, letter: Outline) -> float:
    """The mean width of a letter's strokes: twice its area over the length of its outline."""
    (x, y), (u, v) = placed.T, placed[letter.after].T
    return float(
        np.abs(np.cumsum(x * v - y * u)[-1]) / np.cumsum(np.sqrt((u - x) ** 2 + (v - y) ** 2))[-1]
    )


def _outward(placed: FloatArray, letter: Outline) -> FloatArray:
    """The unit normal at each corner, away from the ink."""
    chord = placed[:, letter.after] - placed[:, letter.before]
    length = np.sqrt(chord[..., 0] ** 2 + chord[..., 1] ** 2)
    return np.stack([chord[..., 1], -chord[..., 0]], axis=-1) / np.maximum(length, 1e-9)[..., None]


@cache
def _font(name: str) -> tuple[Any, dict[int, str]]:
    with extra("stand-ins", "the stand-in for Omniglot"):
        import matplotlib
        from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

    font = TTFont(Path(matplotlib.get_data_path(), "fonts", "ttf", f"{name}.ttf"))
    return font.getGlyphSet(), font.getBestCmap()


def _outline(font: Any, name: str) -> Outline:
    from fontTools.pens.recordingPen import DecomposingRecordingPen  # type: ignore[import-untyped]

    pen = DecomposingRecordingPen(font)
    font[name].draw(pen)
    polygons = [_open(polygon) for polygon in _polygons(pen.value)]
    ends = np.cumsum([len(p) for p in polygons])
    after, before = (
        np.concatenate(
            [np.roll(np.arange(e - len(p), e), s) for p, e in zip(polygons, ends, strict=True)]
        )
        for s in (-1, 1)
    )
    return Outline(np.concatenate(polygons), after, before)


def _polygons(strokes: list[tuple[str, tuple]]) -> Iterator[list[tuple[float, float]]]:
    """Closed polygons from a pen's record: lines as they are, each piece of a quadratic curve cut
    into four chords.
    """
    from fontTools.pens.basePen import decomposeQuadraticSegment  # type: ignore[import-untyped]

    polygon: list[tuple[float, float]] = []
    for verb, points in strokes:
        if verb == "moveTo" or verb == "lineTo":
            polygon.append(points[0])
        elif verb == "qCurveTo":
            # A curve without corners begins half-way between two of its controls.
            if points[-1] is None:
                points = (*points[:-1], _between(points[-2], points[0]))
                polygon.append(points[-1])
            for control, end in decomposeQuadraticSegment(points):
                polygon.extend(_curve(polygon[-1], control, end))
        elif verb == "closePath":
            yield polygon
            polygon = []


def _curve(start: tuple, control: tuple, end: tuple) -> list[tuple[float, float]]:
    times = ((1 - i / 4, i / 4) for i in range(1, 5))
    return [
        (
            s * s * start[0] + 2 * s * t * control[0] + t * t * end[0],
            s * s * start[1] + 2 * s * t * control[1] + t * t * end[1],
        )
        for s, t in times
    ]


def _between(a: tuple, b: tuple) -> tuple[float, float]:
    return (a[0] + b[0]) / 2, (a[1] + b[1]) / 2


def _open(polygon: list[tuple[float, float]]) -> FloatArray:
    """A polygon's corners without repetitions, the last of which would repeat the first."""
    corners = np.array(polygon, dtype=np.float64)
    return corners[np.any(corners != np.roll(corners, 1, axis=0), axis=1)]
