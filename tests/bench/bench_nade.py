"""NADE of 784 x 500: its kernel beside plain autograd, forwards and backwards, and its exact
samples beside a loop over pixels.

    OMP_NUM_THREADS=1 python tests/bench/bench_nade.py [--repeats 7] [--hidden 500]

One thread, one process; paired runs take turns, ratios are medians over pairs, compilation is
outside the clock. Pixels are on as often as in binarised MNIST. The rivals are one cumulative sum
over all pixels, and a Python loop over them that adds a row of weights at a time; where samples
are drawn the loop keeps no graph, as the kernel keeps none.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace

import torch
from paired import compare, note
from torch import Tensor
from torch.nn import functional as F

from distillery.models.nade import NADE, _sample_torch, columns

ON = 0.13  # of binarised MNIST's pixels


def by_cumulative_sum(nade: NADE, x: Tensor) -> Tensor:
    before = F.pad((x[:, :-1, None] * nade.W[:-1]).cumsum(1), (0, 0, 1, 0))
    z = ((before + nade.c).sigmoid() * nade.U).sum(-1) + nade.b
    return (x * z - F.softplus(z)).sum(1)


def by_loop(nade: NADE, x: Tensor) -> Tensor:
    a, z = nade.c.expand(len(x), -1), []
    for i in range(nade.visible):
        z.append(a.sigmoid() @ nade.U[i] + nade.b[i])
        a = a + x[:, i, None] * nade.W[i]
    logits = torch.stack(z, 1)
    return (x * logits - F.softplus(logits)).sum(1)


def step(nade: NADE, log_prob: Callable[[NADE, Tensor], Tensor], x: Tensor) -> Callable[[], None]:
    def run() -> None:
        nade.zero_grad()
        (-log_prob(nade, x).mean()).backward()

    return run


def kept(log_prob: Callable[[NADE, Tensor], Tensor], nade: NADE, x: Tensor) -> int:
    """Bytes that the graph keeps for going backwards, weights aside."""
    sizes: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        log_prob(nade, x)
    return sum(
        size
        for place, size in sizes.items()
        if place not in {p.untyped_storage().data_ptr() for p in nade.parameters()}
    )


@torch.no_grad()
def looped(nade: NADE, uniforms: Tensor, times: int) -> None:
    """Samples by a loop over pixels, a thousand at a time; as the kernel it keeps no graph."""
    for _ in range(times):
        _sample_torch(nade, uniforms)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--hidden", type=int, default=500)
    parser.add_argument("--samples", type=int, default=10_000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rng = torch.Generator().manual_seed(0)
    nade = NADE(784, options.hidden, rng=rng, order=columns(28, 28))
    with torch.no_grad():
        nade.b.fill_(-1.9)  # so that samples are on as often
    rivals = {
        "kernel": NADE.log_prob,
        "one cumulative sum": by_cumulative_sum,
        "loop over pixels": by_loop,
    }
    for batch in (20, 100):
        x = (torch.rand(batch, 784, generator=rng) < ON).float()
        ours, *others = compare(
            f"784 x {options.hidden}, batch {batch}, forward and backward",
            {n: step(nade, f, x) for n, f in rivals.items()},
            options.repeats,
        ).values()
        note("nade", ours, *others, case=f"batch {batch}")
        needs = {n: kept(f, nade, x) for n, f in rivals.items()}
        print(
            "  kept for going backwards: "
            + ", ".join(f"{n} {size / 2**20:.1f} MiB" for n, size in needs.items())
        )
        graphs = [replace(each, peak=needs[each.name]) for each in (ours, *others)]
        note("nade_memory", *graphs, case=f"batch {batch}")
    uniforms = torch.rand(784, 1000, generator=rng)
    sampled = compare(
        f"{options.samples} exact samples",
        {
            "kernel": lambda: nade.sample(options.samples, rng=rng),
            "loop over pixels": lambda: looped(nade, uniforms, options.samples // 1000),
        },
        max(1, options.repeats // 3),
    )
    note("nade_samples", *sampled.values())


if __name__ == "__main__":
    main()
