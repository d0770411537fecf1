"""Glyphs in place of Omniglot: true letters, by hands that differ."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest

from distillery import data
from distillery.data.embedded import glyphs as embedded_glyphs
from distillery.data.embedded.glyphs import ALPHABETS


@pytest.fixture(scope="module")
def found() -> dict[str, np.ndarray]:
    return embedded_glyphs.arrays()


@pytest.fixture(scope="module")
def drawings(found: dict[str, np.ndarray]) -> np.ndarray:
    """By alphabet, letter and hand."""
    return found["images"].reshape(20, 20, 20, 28, 28)


def test_the_form_is_omniglots(found: dict[str, np.ndarray]) -> None:
    kinds = {name: array.dtype.name for name, array in found.items() if name != "alphabet_names"}
    assert kinds == {
        "images": "uint8", "alphabet": "uint8", "character": "uint8", "drawer": "uint8", "class_id": "int16", "is_evaluation": "bool",
    }  # fmt: skip
    assert found["images"].shape == (8000, 28, 28)
    assert sorted(set(found["class_id"])) == list(range(1, 401))
    assert sorted(set(found["drawer"])) == sorted(set(found["character"])) == list(range(1, 21))
    assert found["alphabet_names"].tolist() == [alphabet.name for alphabet in ALPHABETS]
    assert [int(found["is_evaluation"][found["alphabet"] == i].all()) for i in range(20)] == [
        0
    ] * 14 + [1] * 6
    assert (found["class_id"] == 20 * found["alphabet"].astype(int) + found["character"]).all()


@pytest.mark.parametrize("alphabet", ALPHABETS, ids=lambda a: a.name)
def test_an_alphabet_has_twenty_letters_each_known_to_unicode_and_to_its_font(
    alphabet: embedded_glyphs.Alphabet,
) -> None:
    assert len(set(alphabet.letters)) == 20
    assert all(unicodedata.name(letter) for letter in alphabet.letters)
    assert all(len(outline.corners) > 2 for outline in embedded_glyphs.outlines(alphabet))


def test_letters_of_an_alphabet_are_different_letters() -> None:
    for alphabet in ALPHABETS:
        shapes = [outline.corners.tobytes() for outline in embedded_glyphs.outlines(alphabet)]
        assert len(set(shapes)) == 20


def test_every_drawing_has_ink_and_hardly_any_of_it_at_the_edge(drawings: np.ndarray) -> None:
    ink = drawings.sum(axis=(3, 4)) / 255
    assert ink.min() > 8
    assert ink.max() < 28 * 28 / 2
    edge = np.concatenate(
        [drawings[..., [0, -1], :].reshape(-1), drawings[..., [0, -1]].reshape(-1)]
    )
    assert (edge > 0).mean() < 0.01


def test_strokes_are_about_as_heavy_as_omniglots(drawings: np.ndarray) -> None:
    """Omniglot's mean ink at 28x28 is 20.5 of 255."""
    assert 15 < drawings.mean() < 31


def test_no_two_hands_draw_a_letter_alike_and_yet_they_draw_the_same_letter(
    drawings: np.ndarray,
) -> None:
    flat = drawings.reshape(20, 20, 20, -1).astype(float)
    assert len(np.unique(flat.reshape(8000, -1), axis=0)) == 8000
    flat -= flat.mean(axis=-1, keepdims=True)
    flat /= np.linalg.norm(flat, axis=-1, keepdims=True)
    middle = flat.mean(axis=2)
    likeness = np.einsum("alhp,abp->alhb", flat, middle)
    assert (likeness.argmax(axis=3) == np.arange(20)[None, :, None]).mean() > 0.7


def test_evaluation_alphabets_and_names_reach_the_images() -> None:
    images = data.load("embedded:glyphs")
    assert images.classes == 400
    assert images.label_names[0] == "Arabic 1"
    assert images.label_names[399] == "Script 20"
    assert images.group_names[19] == "Script"
