from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open

from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.storage import Recollections
from distillery.tools.compress import recipes as parts
from distillery.tools.compress import run as module
from distillery.tools.compress.budget import HEADER_BYTES, Budget
from distillery.tools.compress.expected import seconds_a_step
from distillery.tools.compress.run import compress, default_passes, planned
from distillery.tools.compress.writing import ALIKE
from distillery_book.results.study import Context

COUNT = 120
TINY = Budget(code=(4, 2))


def made(count=COUNT, channels=1, size=28):
    """Pictures that are black but for one bright bar, whose place is the label."""
    y = torch.arange(count) % 10
    x = torch.zeros(count, channels, size, size, dtype=torch.uint8)
    for i, label in enumerate(y.tolist()):
        x[i, :, 2 * label : 2 * label + 3] = 200
    return x, y


def run(path, budget=TINY, *, seed=0, pictures=None, **how):
    x, y = pictures or made()
    return compress(
        x, path, budget, y=y, rng=torch.Generator().manual_seed(seed), **({"passes": 1} | how)
    )


@pytest.mark.parametrize("codes", ["argmax", "drawn"])
def test_what_is_reported_is_what_is_in_the_file(tmp_path, codes):
    x, y = made()
    found = run(tmp_path / "bars.rec", codes=codes, name="bars.npz")
    read = Recollections.load(tmp_path / "bars.rec")
    assert read.labels.equal(y)
    assert found.distortion == pytest.approx(
        float((read.pictures.double() - x.double()).abs().mean() / 255), abs=1e-12
    )
    assert found.file_bytes == (tmp_path / "bars.rec").stat().st_size
    assert found.written_bits == found.claimed_bits == 4
    said = str(found) + read.card
    for fact in (
        f"{found.file_bytes:,} bytes",
        f"{found.distortion:.4f}",
        found.fingerprint,
        f"{found.times_smaller:.1f} times smaller",
    ):
        assert said.count(fact) == 2
    assert "from bars.npz" in read.card
    assert [path.name for path in tmp_path.iterdir()] == ["bars.rec"]


@pytest.mark.parametrize(("code", "labelled"), [((24, 3), True), ((12, 5), False), ((6, 2), True)])
def test_the_file_is_at_most_two_percent_and_four_kib_larger_than_the_bits_it_claims(
    tmp_path, code, labelled
):
    x, y = made(400)
    found = run(tmp_path / "f", Budget(code=code), pictures=(x, y if labelled else None))
    bits = (
        len(x) * (found.claimed_bits + (math.log2(10) if labelled else 0))
        + 16 * found.choice.parameters
    )
    assert bits / 8 < found.file_bytes <= 1.02 * bits / 8 + 4096


@pytest.mark.parametrize("budget", [Budget(budget_bytes=9000), Budget(times_smaller=20)])
def test_the_whole_file_is_within_its_budget(tmp_path, budget):
    run(tmp_path / "f", budget)
    allowed = budget.budget_bytes or COUNT * 784 / 20
    assert allowed / 2 < (tmp_path / "f").stat().st_size <= allowed


def test_a_file_larger_than_the_pictures_is_not_called_smaller(tmp_path):
    x, _ = made(1)
    assert "bytes, where the pictures as bytes take 784; decoder of" in str(
        planned(x, tmp_path / "f", TINY, **_where())
    )
    found = run(tmp_path / "f", pictures=(x, None))
    assert (tmp_path / "f").stat().st_size > x.numel()
    assert "bytes, larger than 1 pictures as bytes\n" in str(found)
    assert "bytes, larger than the pictures as bytes.\n" in Recollections.load(tmp_path / "f").card


def test_the_longest_header_is_what_budgets_leave_for_it(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PRIOR_STEPS", 200)
    x, y = made(1500)
    found = run(
        tmp_path / "f", Budget(code=(4, 3)), pictures=(x, y), prior=True, name="ü" * 500, passes=1
    )
    assert "prior" in found.bytes
    assert found.bytes["header"] <= HEADER_BYTES


def test_a_killed_run_ends_in_the_same_file(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "EVERY", 3)
    monkeypatch.setattr(module, "PRIOR_STEPS", 20)
    whole = run(tmp_path / "whole", passes=6, codes="drawn", prior=True)
    for stage, at in (
        ("training", 5),
        ("training", 12),
        ("learning a prior over the codes, 20 steps", 0),
        ("decoding and measuring", 0),
    ):

        def kill(name, done, total, *, stage=stage, at=at):
            if name == stage and done >= at:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "killed", passes=6, codes="drawn", prior=True, progress=kill)
        assert not (tmp_path / "killed").exists()
        assert (tmp_path / "killed.checkpoint").is_dir()
    again = run(tmp_path / "killed", passes=6, codes="drawn", prior=True)
    assert (tmp_path / "killed").read_bytes() == (tmp_path / "whole").read_bytes()
    assert dataclasses.replace(again, path=whole.path) == whole
    assert not (tmp_path / "killed.checkpoint").exists()


def test_checkpoints_of_another_run_are_refused_and_left(tmp_path):
    x, y = made()
    with planned(
        x, tmp_path / "f", TINY, y=y, name="", passes=2, codes="argmax", prior=False, **_where()
    ).folder.claimed():
        pass
    with pytest.raises(
        ValueError,
        match=r"f\.checkpoint is of another run \(passes 2 there, 1 here\): repeat that one",
    ):
        run(tmp_path / "f")
    assert json.loads((tmp_path / "f.checkpoint" / "run.json").read_text())["passes"] == 2


def test_a_run_killed_while_it_claimed_its_folder_or_cleaned_up_starts_again(tmp_path):
    (tmp_path / "f.checkpoint").mkdir()
    (tmp_path / "f.checkpoint" / "run.json.1234.part").write_text("{")
    (tmp_path / "f.checkpoint" / "run.lock").write_text("1234")
    (tmp_path / "f.checkpoint.done").mkdir()
    (tmp_path / "f.checkpoint.done" / "entropy.safetensors").write_text("left over")
    run(tmp_path / "f")
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_a_folder_that_is_not_ours_is_left(tmp_path):
    (tmp_path / "f.checkpoint").mkdir()
    (tmp_path / "f.checkpoint" / "thesis.tex").write_text("mine")
    with pytest.raises(ValueError, match=r"has files in it but no run\.json"):
        run(tmp_path / "f")
    assert [path.name for path in (tmp_path / "f.checkpoint").iterdir()] == ["thesis.tex"]
    assert (tmp_path / "f.checkpoint" / "thesis.tex").read_text() == "mine"


def test_a_prior_is_kept_where_it_pays_and_told_where_not(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PRIOR_STEPS", 200)
    few = run(tmp_path / "few", prior=True)
    assert "prior" not in few.bytes
    assert few.notes[0].startswith("Prior: not used")
    x, y = made(2000)
    plain, learned = (
        run(tmp_path / name, Budget(code=(16, 2)), pictures=(x, y), prior=name == "learned")
        for name in ("plain", "learned")
    )
    assert learned.file_bytes < plain.file_bytes
    assert learned.distortion == plain.distortion
    assert Recollections.load(tmp_path / "learned").codes.equal(
        Recollections.load(tmp_path / "plain").codes
    )


def test_colour_and_32_pixels_are_compressed_too(tmp_path):
    found = run(tmp_path / "f", pictures=made(60, 3, 32))
    assert Recollections.load(tmp_path / "f").pictures.shape == (60, 3, 32, 32)
    assert found.choice.parameters == sum(
        math.prod(shape) for shape in _decoder_shapes(tmp_path / "f")
    )


def test_the_autoencoder_is_trained_by_the_studys_recipe(tmp_path):
    (x, _), rng = made(), torch.Generator().manual_seed(0)
    run(tmp_path / "f", passes=2)
    student = CategoricalAutoencoder(4, 2, rng=rng)
    recipe = parts.Recipe(epsilon=parts.SPARING)
    parts.trained(
        student,
        x,
        2,
        Context("laptop", torch.device("cpu"), None, tmp_path),
        rng=rng,
        recipe=recipe,
    )
    read = Recollections.load(tmp_path / "f")
    assert read.codes.equal(parts.encoded(student, x, None))
    assert read.pictures.equal(parts.as_bytes(student.decode(read.codes)))


@pytest.mark.parametrize(("bits", "recipe"), [(38, parts.USUAL), (160, parts.LONG)])
def test_a_long_code_is_trained_by_the_recipe_for_long_ones_and_the_steps_told_are_those_made(
    bits, recipe, tmp_path, monkeypatch
):
    made_by = []

    def trained(student, x, passes, context, *, rng, recipe):
        made_by.append((recipe, passes * len(x) // recipe.batch))

    monkeypatch.setattr(parts, "trained", trained)
    plan = planned(
        made()[0],
        tmp_path / "f",
        Budget(bits_per_image=bits),
        passes=5,
        rng=torch.Generator().manual_seed(0),
    )
    plan.finished()
    assert made_by == [(replace(recipe, epsilon=parts.SPARING), plan.steps)]


@pytest.mark.parametrize(("weight", "warned"), [(0.0, True), (1.0, False)])
def test_a_file_that_remembers_one_picture_for_all_says_so(weight, warned, tmp_path, monkeypatch):
    def trained(student, *args, **how):
        with torch.no_grad():
            next(student.decoder.parameters()).mul_(weight)

    monkeypatch.setattr(parts, "trained", trained)
    found = run(tmp_path / "f", passes=1)
    assert [
        note for note in found.notes if "every picture is remembered as the same one" in note
    ] == [ALIKE] * warned


def test_a_set_of_one_picture_many_times_is_not_told_to_take_more_bits(tmp_path, monkeypatch):
    def trained(student, *args, **how):
        with torch.no_grad():
            next(student.decoder.parameters()).zero_()

    monkeypatch.setattr(parts, "trained", trained)
    x = made(1)[0].expand(COUNT, -1, -1, -1).clone()
    assert run(tmp_path / "f", pictures=(x, None)).notes == ()


def test_timing_a_few_steps_leaves_the_run_as_it_was(tmp_path):
    x, y = made()
    files = []
    for timed in (False, True):
        work = planned(x, tmp_path / "f", TINY, y=y, passes=1, rng=torch.Generator().manual_seed(0))
        if timed:
            assert 0 < work.expected_seconds() < 60
            assert not list(tmp_path.glob("f.*"))
        work.finished()
        files.append((tmp_path / "f").read_bytes())
    assert files[0] == files[1]


@pytest.mark.parametrize(
    ("seconds", "tried", "shortest"),
    [((9.0, 30.0, 1.0), 2, 30.0), ((9.0, 0.5, 0.1, 0.2, 0.3, 0.4, 0.0), 6, 0.1)],
)
def test_a_step_that_takes_long_is_tried_once_and_the_first_of_all_is_not_counted(
    seconds, tried, shortest
):
    (x, _), asked = made(60), []

    def clock():
        """Before a step the time after the last one, after it as much later as the step takes."""
        asked.append(None)
        return sum(seconds[: len(asked) // 2])

    student = CategoricalAutoencoder(4, 2, rng=torch.Generator().manual_seed(0))
    found = seconds_a_step(student, x, parts.Recipe(), clock=clock)
    assert found == pytest.approx(shortest)
    assert len(asked) == 2 * tried


def test_a_small_set_has_as_many_steps_as_a_larger_one():
    for recipe, least in ((parts.USUAL, 20), (parts.LONG, 60)):
        assert default_passes(60_000, recipe) == least
        assert default_passes(1000, recipe) * 1000 / recipe.batch == 4000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"x": torch.zeros(0, 1, 28, 28, dtype=torch.uint8), "y": None},
            "x is empty: at least one picture",
        ),
        (
            {"x": torch.zeros(3, 1, 28, 28), "y": None},
            r"x is torch\.float32 of shape .*: a tensor of bytes",
        ),
        (
            {"x": torch.zeros(3, 2, 28, 28, dtype=torch.uint8), "y": None},
            "28x28 or 32x32 pixels in 1 or 3 channels are supported",
        ),
        ({"x": torch.zeros(3, 1, 20, 20, dtype=torch.uint8), "y": None}, "28x28 or 32x32 pixels"),
        ({"y": torch.zeros(3, dtype=torch.int64)}, "y does not fit: 120 labels"),
        ({"y": torch.full((COUNT,), 5000)}, "labels from 0 to 4095 are supported"),
        ({"passes": 0}, "passes is 0: a whole number of at least 1"),
        ({"codes": "argmx"}, "unknown codes 'argmx'; did you mean 'argmax'"),
        (
            {"budget": Budget(code=(4, 1))},
            "values is 1: a code's variable takes a whole number of values from 2",
        ),
        (
            {"budget": Budget(code=(3, 2))},
            r"variables \* values is 3 \* 2 = 6: a multiple of 4 is needed",
        ),
        ({"budget": Budget(budget_bytes=100)}, "so at least 2,"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(tmp_path, change, message):
    x, y = made()
    how = {"x": x, "y": y, "budget": TINY, "passes": 1, "codes": "argmax"} | change
    with pytest.raises(ValueError, match=message):
        compress(how.pop("x"), tmp_path / "f", how.pop("budget"), **how, rng=torch.Generator())
    assert not list(tmp_path.iterdir())


def _where():
    return {"rng": torch.Generator().manual_seed(0), "dtype": None, "progress": None}


def _decoder_shapes(path):
    with safe_open(path, framework="numpy") as file:
        return [file.get_tensor(name).shape for name in file.keys() if name.startswith("decoder.")]  # noqa: SIM118
