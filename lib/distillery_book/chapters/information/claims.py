"""What Ahn et al. (2019) conclude, and the runs that test it.

Students of one cell have the same first weights and see the same pictures in the same order, so
that methods are compared seed by seed. A single run's own error says nothing of how trainings
scatter, and none is recorded.
"""

from __future__ import annotations

from typing import Any

from distillery.metrics import Estimate
from distillery_book.chapters.information import grid, information
from distillery_book.results.claims import Mean, Test, above, every
from distillery_book.results.published import at
from distillery_book.results.results import Results

STUDY = "information"
RIVALS = ("kd", "fitnet", "at", "nst")
OF_LAYERS = ("fitnet", "at", "nst")  # those that look at the layers that VID-I looks at
WIDEST = "mlp-4096"
PUBLISHED_MLP = 78.62  # Lin et al.
ONE_CONVOLUTION = 84.6  # Urban et al.
SHOWN_LAYER = "groups.1"


def accuracy(method: str, **place: Any) -> Mean:
    """The share of test images answered rightly by students taught so, in percent."""
    return Mean(STUDY, f"accuracy_{method}", information.place(**place), 100.0)


def _transferred(method: str, images: int) -> Mean:
    where = {"role": "transfer", "images": images, "source": "cifar100"}
    return Mean(STUDY, f"accuracy_{method}", where, 100.0)


def _told(method: str) -> Mean:
    """Nats that a student's layer tells of the teacher's, in the run of Figure 2."""
    return Mean(STUDY, f"gained_{method}_{SHOWN_LAYER}", {"role": "maps"})


def _few_images() -> Test:
    return every(
        *(
            above(accuracy("vid_i", images=images), accuracy(rival, images=images))
            for images in grid.SEEDS_OF
            for rival in RIVALS
        )
    )


def _students() -> Test:
    pairs = []
    for network, methods in grid.STUDENTS_OF.items():
        own = accuracy("vid_i", task="cifar100", network=network)
        rivals = [name for name in OF_LAYERS if name in methods]
        pairs += [above(own, accuracy(name, task="cifar100", network=network)) for name in rivals]
    return every(*pairs)


def _perceptrons() -> Test:
    """VID-I against FitNet, at the widths at which both are run."""
    widths = [width for width, (methods, _) in grid.WIDTHS.items() if "fitnet" in methods]
    return every(
        *(
            above(*(accuracy(name, network=f"mlp-{width}") for name in ("vid_i", "fitnet")))
            for width in widths
        )
    )


def _lead_grows(results: Results) -> list[Estimate]:
    """How much more VID-I is ahead of a student alone at the fewest images than at the most."""
    few, many = min(grid.SEEDS_OF), max(grid.SEEDS_OF)
    leads = [
        above(accuracy("vid_i", images=images), accuracy("student", images=images))(results)
        for images in (few, many)
    ]
    if not all(leads):
        return []
    (first, *_), (second, *_) = leads
    error = (first.error**2 + second.error**2) ** 0.5
    return [Estimate(first.value - second.value, error, min(first.n, second.n))]


def _printed_order(results: Results) -> list[Estimate]:
    """By what is printed alone: KD with VID-I minus VID-I alone, the least of four columns."""
    table = "vid_cifar10_small_data"
    gaps = [
        at(table, "kd+vid_i", f"M{images}").value - at(table, "vid_i", f"M{images}").value
        for images in grid.SEEDS_OF
    ]
    return [Estimate(min(gaps), 0.0, 1)]


TESTS: dict[str, Test] = {
    "information_few_images": _few_images(),
    "information_lead_grows": _lead_grows,
    "information_same_layers": _students(),
    "information_with_kd": every(
        *(
            above(
                accuracy("kd+vid_i", task="cifar100", network=network),
                accuracy("vid_i", task="cifar100", network=network),
            )
            for network in ("wrn-16-1", "wrn-16-2")
        )
    ),
    "information_with_kd_printed": _printed_order,
    "information_perceptron": _perceptrons(),
    "information_best_perceptron": above(accuracy("vid_i", network=WIDEST), PUBLISHED_MLP),
    "information_one_convolution": above(accuracy("vid_i", network=WIDEST), ONE_CONVOLUTION),
    "information_tuning": every(
        *(
            above(_transferred("vid_i", images), _transferred("finetuned", images))
            for images in grid.TRANSFERRED
        )
    ),
    "information_told": above(_told("vid_i"), _told("student+watch")),
}
