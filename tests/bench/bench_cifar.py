"""A CIFAR training step of WRN-16-1, end to end with augmentation, against torchvision's transforms
and DataLoader in float32.

    python tests/bench/bench_cifar.py [--steps 20] [--repeats 5]

Both do crop, flip, forward, backward and update on batches of 128; paired runs take turns in one
process. Ours keeps the pictures in memory as bytes, changes whole batches at once, and multiplies
in bfloat16 where the hardware does so natively.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from paired import Timing, note, print_memory
from torch import nn

from distillery import distill
from distillery.generators import Augmented, Resample
from distillery.generators.augment import crop_and_flip
from distillery.losses import HardLabels
from distillery.models.wrn import WideResNet
from distillery.support.settings import resolve
from distillery.teachers import Labels

BATCH = 128


def ours(x: torch.Tensor, y: torch.Tensor, dtype: torch.dtype | None) -> Callable[[int], None]:
    rng = torch.Generator().manual_seed(0)
    student = WideResNet(16, 1, rng=rng).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(student.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    source = Augmented(Resample(x, y, rng=rng), crop_and_flip(), rng=rng)

    def run(steps: int) -> None:
        distill(
            Labels(),
            student,
            source,
            HardLabels(),
            optimizer=optimizer,
            batch_size=BATCH,
            steps=steps,
            dtype=dtype,
        )

    return run


def theirs(x: torch.Tensor, y: torch.Tensor) -> Callable[[int], None]:
    from PIL import Image
    from torch.utils.data import DataLoader, Dataset
    from torchvision import transforms

    change = transforms.Compose(
        [
            transforms.RandomCrop(32, padding=4),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
        ]
    )
    pictures = [Image.fromarray(picture) for picture in x.permute(0, 2, 3, 1).numpy()]

    class Pictures(Dataset):  # type: ignore[type-arg]
        def __len__(self) -> int:
            return len(pictures)

        def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
            return change(pictures[i]), int(y[i])

    student = WideResNet(16, 1, rng=torch.Generator().manual_seed(0))
    optimizer = torch.optim.SGD(student.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    loader = DataLoader(Pictures(), batch_size=BATCH, shuffle=True, drop_last=True, num_workers=0)

    def run(steps: int) -> None:
        student.train()
        for _, (pixels, labels) in zip(range(steps), loader, strict=False):
            optimizer.zero_grad()
            nn.functional.cross_entropy(student(pixels), labels).backward()
            optimizer.step()

    return run


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    rng = torch.Generator().manual_seed(1)
    x = torch.randint(
        256, (BATCH * (options.steps + 1), 3, 32, 32), generator=rng, dtype=torch.uint8
    )
    y = torch.randint(10, (len(x),), generator=rng)
    dtype = resolve("cpu", "auto").dtype
    runs = {
        "ours": ours(x, y, dtype),
        "ours, float32": ours(x, y, None),
        "torchvision and DataLoader, float32": theirs(x, y),
    }
    seconds = {name: [] for name in runs}
    for repeat in range(options.repeats + 1):
        for name, run in runs.items():
            begin = time.perf_counter()
            run(options.steps)
            if repeat:  # the first pair warms up
                seconds[name].append((time.perf_counter() - begin) / options.steps)
    last = list(runs)[-1]
    for name, values in seconds.items():
        ratio = statistics.median(b / a for a, b in zip(values, seconds[last], strict=True))
        print(
            f"{name:40} {1000 * statistics.median(values):7.1f} ms a step   {ratio:5.2f} times as"
            " fast"
        )
    peaks = print_memory({name: partial(run, 1) for name, run in runs.items()})
    note("cifar", *(Timing(name, seconds[name], peaks[name]) for name in ("ours", last)))
    print(f"products of ours in {dtype or torch.float32}; target: 4 times")


if __name__ == "__main__":
    main()
