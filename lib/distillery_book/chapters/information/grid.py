"""The cells of the study `information`, what their parameters mean, and how they depart from the
paper.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from distillery_book.results.study import WEIGHTS, Cell, Profile, Scalar

TEACHER = "wrn-40-2"
SMALL, STAND_IN = "wrn-10-1", "embedded:scenes10"
TASKS = ("cifar10", "cifar100")

# Chosen here, where the paper points to a supplement: batches, rates, schedules, numbers of steps.
BATCH, RATE, MLP_RATE = 64, 0.1, 0.01
CLIP = 5.0  # the norm of a student's gradient, and of its loss's; without it FitNet diverges
STEPS = 2000  # the same for every number of images a class
# A teacher's courses, one after the other: pictures of so many pixels a side for so many passes.
# Each is a cycle of the rate, up to its peak and down to zero, and leaves weights of its own, to
# whose name is added what stands beside it here.
COURSES: Mapping[str, tuple[float, str]] = {
    "16:8 24:6": (RATE, "-small"),
    "32:2": (RATE / 2, "-begun"),
    "32:4": (RATE / 2, ""),
}
LAST_COURSE = list(COURSES)[-1]
HELD = 0.2  # the share of the training set by which weights are chosen, as in the paper

# Weights of methods: what is tried, and what is used. Those in use stay guesses until cells with
# `held` have chosen among the candidates; nothing was ever chosen on test images.
CANDIDATES: Mapping[str, tuple[float, ...]] = {
    "kd": (0.5, 0.9),
    "fitnet": (1.0, 10.0, 100.0),
    "at": (1.0, 10.0, 100.0),
    "nst": (5.0, 50.0),
    "vid_i": (0.1, 1.0, 10.0),
    "lwf": (0.1, 1.0),
    "vid_lp": (0.1, 1.0),
}
USED: Mapping[str, float] = {
    "kd": 0.9,
    "fitnet": 10.0,
    "at": 10.0,
    "nst": 50.0,
    "vid_i": 1.0,
    "lwf": 1.0,
    "vid_lp": 1.0,
}
METHODS = ("student", "kd", "fitnet", "at", "nst", "vid_i", "kd+at", "kd+vid_i")
OF_TRANSFER = (  # Table 3, where the source has other classes than the task
    "student",
    "finetuned",
    "lwf",
    "fitnet",
    "at",
    "nst",
    "vid_lp",
    "vid_i",
    "lwf+fitnet",
    "vid_lp+vid_i",
)
FEW = ("student", "kd", "vid_i")
OF_MLP = ("student", "kd", "fitnet", "vid_i")
TOLD_ONLY = ("answers", "answers+vid_i")

SEEDS_OF = {100: 3, 500: 3, 1000: 2, 5000: 1}  # Table 1: images a class, and how many runs
STUDENTS_OF = {  # Table 2: its columns
    "wrn-16-1": METHODS,
    "wrn-16-2": METHODS,
    "wrn-40-1": FEW,
    "wrn-40-2": FEW,
}
WIDTHS = {1024: (OF_MLP, 3), 2048: (("vid_i",), 1), 4096: (("vid_i",), 1)}  # Table 4
TRANSFERRED = (10, 50)  # images a class of CIFAR-10 that a teacher of CIFAR-100 helps with
KEPT = (5, 10, 100, 500)  # the axis nobody has drawn: images kept a class
ASKED = ("images", "mixup", "cutmix", "cifar100")


def cells(profile: Profile) -> Sequence[Cell]:
    """Teachers, candidates, Table 1 from the fewest images on, Figure 2, Table 4, the axis, Table
    2, transfer from CIFAR-100 to CIFAR-10 in place of Table 3.
    """
    if profile == "smoke":
        return [_smoke()]
    if profile == "laptop":
        return [*teacher("cifar10"), students(FEW, images=100)]
    return [
        *teacher("cifar10"),
        *_candidates(),
        *_small_data(),
        students(("student+watch", "vid_i"), role="maps"),
        *_perceptrons(),
        *_axis(),
        *teacher("cifar100"),
        *_sizes(),
        *teacher("cifar100", "wrn-16-1"),
        *_transfers(),
    ]


def teacher(task: str, network: str = TEACHER) -> list[Cell]:
    """A network trained on all images of a task, on small pictures and then on whole ones, and kept
    after each course; a student so trained can be tuned.
    """
    usual: dict[str, Scalar] = {"role": "teacher", "task": task, "network": network}
    usual |= {"batch": 128, "compiled": 1}
    cells, data = [], task
    for course, (peak, _) in COURSES.items():
        cells.append(Cell({**usual, "rate": peak, "course": course}, 0, data))
        data = f"{task}+{WEIGHTS}{weights_name(task, network, course)}"
    return cells


def students(
    methods: Iterable[str],
    *,
    role: str = "students",
    task: str = "cifar10",
    network: str = "wrn-16-1",
    images: int = 0,
    seed: int = 0,
    **other: Scalar,
) -> Cell:
    """Students of one architecture side by side, a method each; by default of all images."""
    params: dict[str, Scalar] = {
        "role": role,
        "task": task,
        "network": network,
        "images": images or whole(task),
        "asked": "images",
        "methods": " ".join(weighted(method) for method in methods),
        "steps": STEPS,
        "batch": BATCH,
        "rate": MLP_RATE if network.startswith("mlp") else RATE,
        "clip": CLIP,
        "held": 0.0,
        **other,
    }
    sets = [task, "cifar100"] if params["asked"] == "cifar100" else [task]
    source = str(params.get("source", task))
    weights = [weights_name(source)]
    if "finetuned" in str(params["methods"]).split():
        weights.append(weights_name(source, network))
    return Cell(params, seed, "+".join([*sets, *(WEIGHTS + name for name in weights)]))


def whole(task: str) -> int:
    """How many images of each class there are."""
    return {"cifar10": 5000, "cifar100": 500}[task]


def weights_name(task: str, network: str = TEACHER, course: str = LAST_COURSE) -> str:
    """What a network trained on a task is recorded as after a course."""
    _, suffix = COURSES[course]
    return f"{network}-{task}{suffix}"


def weighted(method: str) -> str:
    """A method with the weights that are used, where none are written."""
    parts = [
        part if "@" in part or part not in USED else f"{part}@{USED[part]:g}"
        for part in method.split("+")
    ]
    return "+".join(parts)


def _smoke() -> Cell:
    """All eight methods on stand-ins, small networks, small pictures, a teacher of a few steps."""
    usual = students(METHODS, network=SMALL, images=20, steps=6, batch=16, side=8)
    return Cell({**usual.params, "task": "scenes10"}, 0, STAND_IN)


def _candidates() -> list[Cell]:
    """Every candidate weight, at the fewest images and at many; the images held out judge."""
    named = [f"{name}@{weight:g}" for name, weights in CANDIDATES.items() for weight in weights]
    return [
        students(named, images=images, held=HELD, steps=STEPS // 2, seed=100)
        for images in (100, 1000)
    ]


def _small_data() -> list[Cell]:
    return [
        students(METHODS, images=images, seed=seed)
        for images, seeds in SEEDS_OF.items()
        for seed in range(seeds)
    ]


def _perceptrons() -> list[Cell]:
    return [
        students(methods, network=f"mlp-{width}", seed=seed)
        for width, (methods, seeds) in WIDTHS.items()
        for seed in range(seeds)
    ]


def _sizes() -> list[Cell]:
    return [
        students(methods, task="cifar100", network=network)
        for network, methods in STUDENTS_OF.items()
    ]


def _transfers() -> list[Cell]:
    """A teacher of a hundred classes helps with ten others."""
    return [
        students(OF_TRANSFER, role="transfer", images=images, source="cifar100")
        for images in TRANSFERRED
    ]


def _axis() -> list[Cell]:
    """Few images asked about as they are, and mixed; other pictures, of which none is kept."""
    mixed = [
        students(TOLD_ONLY, role="axis", images=images, asked=asked)
        for images in KEPT
        for asked in ASKED
        if asked != "cifar100"
    ]
    strange = students(TOLD_ONLY, role="axis", asked="cifar100")
    return [*mixed, strange]


def departs(cell: Cell) -> dict[str, list[Any]]:
    """In what a cell differs from the paper; what the paper leaves open is in `CHOSEN`."""
    params = cell.params
    if params["role"] == "teacher":
        return {
            "pictures": [
                "32 pixels a side",
                f"{' '.join(COURSES)} (pixels a side: passes)",
            ]
        }
    departures: dict[str, list[Any]] = {}
    visits = int(params["steps"]) * int(params["batch"])
    departures["training"] = ["as residual networks are trained", f"{visits:,} images seen"]
    if params["asked"] != "images":
        departures["asked"] = ["the images kept", params["asked"]]
    return departures


# What the paper does not give, and what stands for it here.
CHOSEN: Mapping[str, str] = {
    "steps": f"{STEPS} for every number of images a class",
    "batch": f"{BATCH}",
    "rates": f"{RATE}, for perceptrons {MLP_RATE}; up and down in one cycle",
    "clipping": f"gradients of a norm of at most {CLIP:g}, a student's and its loss's each",
    "temperature": "4",
    "weights of methods": "among CANDIDATES, on a fifth of the training images",
    "epsilon": "0.001",
    "between the convolutions of a head": "ReLU",
    "channels of transposed heads": "those of the teacher's layer",
    "heads of FitNet for perceptrons": "transposed convolutions, as VID-I's",
    "activation of perceptrons": "ReLU",
    "an entry's loss": "the mean over a layer's entries, not their sum",
    "fourth layer": "the first convolution",
    "subset": "the first images of each class in one random order of all, by the seed",
}
