"""Chapter 3's better ways: each changes one thing, and leaves weights, recollections and their order
as they were.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from distillery.generators import Parallel, Resample
from distillery.losses import SoftTargets
from distillery.models.abreast import Abreast
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.models.mlp import MLP
from distillery.support.place import Bench
from distillery.teachers import Recorded
from distillery_book.chapters.transfer import curricula, memories, students, transfer, ways


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int, side: int = 28) -> tuple[Tensor, Tensor]:
    x = torch.randint(256, (count, 1, side, side), generator=rng()).to(torch.uint8)
    return x, torch.arange(count)[:, None].float()


def middle(x: Tensor) -> Tensor:
    """(N, 2): where the brightness of pictures lies in the mean."""
    rows = torch.arange(x.shape[-1]).float()
    weights = x[:, 0] / x[:, 0].sum((1, 2), keepdim=True)
    return torch.stack([(weights.sum(2) * rows).sum(1), (weights.sum(1) * rows).sum(1)], 1)


@pytest.mark.parametrize("name", ["plain", "temperature 2", "falling rate", "shifted"])
def test_ways_draw_the_same_recollections_in_the_same_order(name: str) -> None:
    examples = pictures(50)
    drawn = ways.WAYS[name].drawn(examples, order=rng(1), shifts=rng(2)).draw(120)
    printed = Resample(*examples, rng=rng(1)).draw(120)
    assert torch.equal(drawn.y, printed.y)  # type: ignore[arg-type]
    assert torch.equal(drawn.x, printed.x) == (name != "shifted")


def test_a_shifted_picture_has_moved_by_at_most_a_pixel_each_way() -> None:
    x = torch.zeros(200, 1, 28, 28)
    x[:, :, 12:16, 10:17] = 1
    way = ways.WAYS["shifted"]
    drawn = way.drawn((x, torch.zeros(200, 1)), order=rng(), shifts=rng(1)).draw(200).x
    moved = (middle(drawn) - middle(x)).abs()
    assert 0.9 < moved.max() < 1.001
    assert moved.mean() == pytest.approx(0.5, abs=0.08)


def test_the_first_pass_goes_in_order_and_those_after_it_do_not() -> None:
    source = ways.WAYS["likeliest first"].drawn(pictures(50), order=rng(1), shifts=rng())
    first, second = (source.draw(50).y[:, 0].tolist() for _ in range(2))  # type: ignore[index]
    assert first == list(range(50)) == sorted(second) != second


def test_recollections_are_sorted_by_the_probability_of_their_drawn_codes() -> None:
    codec = CategoricalAutoencoder(8, 2, rng=rng()).eval()
    x, _ = pictures(40)
    recalled = memories.recalled(codec, x, rng=rng(3))
    places = torch.arange(40)
    shown, order = ways.likeliest_first((recalled, places), codec, x, rng=rng(3))
    codes = codec.encode(x.float() / 255, rng=rng(3)).long()
    with torch.no_grad():
        probs = codec.code_logits(x.float() / 255).softmax(-1)
    likely = [probs[n, range(8), codes[n]].prod().item() for n in order]
    assert likely == sorted(likely, reverse=True)
    assert torch.equal(shown, recalled[order])


def test_the_likeliest_memory_takes_no_chances() -> None:
    codec = CategoricalAutoencoder(8, 2, rng=rng()).eval()
    x, _ = pictures(30)
    sources = memories.Sources(x, torch.zeros(30).long(), MLP((784, 2), rng=rng()), {"100x": codec})
    first, second = (sources.memory("likeliest 100x", count=0, rng=rng(s)) for s in range(2))
    assert torch.equal(first.pictures, second.pictures)
    with torch.no_grad():
        expected = codec.decode(codec.code_logits(x.float() / 255).argmax(-1))
    assert torch.equal(first.pictures, (expected * 255).round().to(torch.uint8))


def test_a_rate_falls_by_the_examples_seen_and_knows_no_end() -> None:
    schedule = ways.WAYS["falling rate"].schedule(10)
    assert schedule is not None
    assert schedule(0) == 1
    assert schedule(100) == pytest.approx(2**-0.5)
    assert schedule(1000) == pytest.approx(11**-0.5)
    assert ways.AS_PRINTED.schedule(10) is None


def test_what_is_hard_is_asked_at_the_temperature_of_the_way() -> None:
    x, y = pictures(300, 4)[0], 5 * torch.randn(300, 3, generator=rng(1))
    bank = Abreast([MLP((16, 3), rng=rng())])
    chosen, expected = [], []
    for temperature in (1.0, 5.0):
        streams = [Parallel([Resample(x, y, rng=rng(2))]) for _ in range(2)]
        active = students.curriculum("active", streams[0], bank, [rng()], temperature=temperature)
        chosen.append(active.draw(20).x)
        candidates = streams[1].draw(200)
        losses = SoftTargets(temperature).each(Recorded(), bank, candidates).reshape(20, 10)
        expected.append(candidates.x[torch.arange(20) * 10 + losses.argmax(1)])
    assert torch.equal(torch.stack(chosen), torch.stack(expected))
    assert not torch.equal(chosen[0], chosen[1])


@pytest.mark.parametrize("name", ways.WAYS)
def test_a_student_learns_by_every_way(name: str, tmp_path: Path) -> None:
    y = torch.arange(200) % 2
    x = (255 * y).view(-1, 1, 1, 1).expand(200, 1, 4, 4).to(torch.uint8)
    columns = {"compress_100x": (x, memories.labels_as_logits(y, 2))}
    place = Bench(torch.device("cpu"), None, tmp_path, lambda done: None)
    course = students.Course("mlp", 1000, 0, way=ways.WAYS[name])
    metrics = students.taught(course, columns, {"test": (x, y), "held": (x, y)}, place).metrics
    assert metrics["accuracy_compress_100x_1000"] == 1
    assert ways.held(metrics, "compress_100x", 1000) == 1


def test_ways_are_judged_by_held_out_images_at_the_better_rate() -> None:
    metrics = {"rate_it_10": 1e-4, "held_0.001_it_10": 0.3, "held_0.0001_it_10": 0.6}
    assert ways.held({**metrics, "test_0.0001_it_10": 0.9}, "it", 10) == 0.6


def test_each_better_way_has_a_column_of_the_tables_or_of_chapter_4_to_be_paired_with() -> None:
    better = [cell for cell in transfer.cells("paper") if "way" in cell.params]
    printed = [*transfer.cells("paper"), *curricula.cells("paper")]
    for cell in better:
        pairs = [
            other
            for other in printed
            if other.params.get("columns") == "tables"
            and other.params.get("curriculum", "random") == cell.params["curriculum"]
            and other.seed == cell.seed
            and all(other.params[n] == cell.params[n] for n in ("student", "episodes", "batch"))
        ]
        assert len(pairs) == 1
        assert list(memories.COLUMNS[str(cell.params["columns"])]) == ["compress_100x"]
    asked = {(cell.params["columns"], cell.params["way"]) for cell in better}
    assert len(better) == len(asked) * 2 * transfer.SEEDS == 6 * 2 * transfer.SEEDS


def test_a_way_says_in_what_it_differs_and_the_plain_one_in_nothing() -> None:
    assert ways.AS_PRINTED.departs() == {}
    assert all(way.departs() for name, way in ways.WAYS.items() if name != ways.PLAIN)
