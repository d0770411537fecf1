"""Who learns a stream in chapter 5, by the name of the method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from distillery.data.tasks import Task
from distillery.generators.resample import as_unit
from distillery.lifelong import (
    Answered,
    DarkExperience,
    Exemplars,
    LastOfEachTask,
    Learner,
    LosslessMemory,
    Memory,
    OfEarlierTasks,
    OfPart,
    OfTheMemory,
    OldSelf,
    OwnRates,
    Projected,
    Reptile,
    Several,
    Unanswered,
    WithinTask,
    herded,
    nearest_mean,
)
from distillery.losses import HardLabels, PixelCrossEntropy, SoftTargets
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.models.once import quietly
from distillery.models.resnet import ResNet18
from distillery.protocols import Batch
from distillery.teachers import Inputs, Labels
from distillery_book.chapters.forgetting import memories
from distillery_book.chapters.forgetting.memories import Kit

MARGIN = 0.5  # GEM's memory strength
REFERENCE = 20  # examples of A-GEM's gradient
ALPHA, BETA = 0.1, 0.5  # DER++: the weight of logits, and of remembered labels
TAKEN_BACK, KEPT = 5, 0.3  # steps of MER together, and the share of their way that is gone
LEARNS = 0.01  # of the rates that learn
AT_ONCE = 100
# Filters from which on they lie channels last: of fewer, on processors without AVX-512, a 1x1
# convolution of stride 2 in oneDNN 3.13 writes beyond its own memory.
LAID_OUT_FROM = 8
# Adam's rate for the autoencoder: that of the papers, which is lower where the code is large.
CODEC_RATES = {"620x3": 1e-4, "pretrained": 3e-4}


def reasoner(kit: Kit) -> ResNet18:
    """The network that answers, its filters laid out as convolutions of few pictures are fast."""
    width = int(kit.cell.params["width"])
    made = ResNet18(rng=kit.rng("start"), classes=kit.outputs, width=width, channels=kit.shape[0])
    return made.to(memory_format=torch.channels_last) if width >= LAID_OUT_FROM else made


def optimizer(kit: Kit, network: nn.Module) -> torch.optim.Optimizer:
    """The rule of the cell, `sgd 0.1` say."""
    rule, rate = str(kit.cell.params["rule"]).split()
    if rule == "sgd":
        return torch.optim.SGD(network.parameters(), lr=float(rate))
    return torch.optim.Adam(network.parameters(), lr=float(rate), fused=True)


def online(kit: Kit) -> Learner:
    """Without a memory."""
    return _plain(kit, reasoner(kit))


def replay(kit: Kit) -> Learner:
    """Raw pictures in a reservoir."""
    return _plain(kit, reasoner(kit), memory=memories.lossless(kit))


def coded(kit: Kit) -> Learner:
    """Strings of an image codec, which the method names."""
    return _plain(kit, reasoner(kit), memory=memories.coded(kit, str(kit.cell.params["method"])))


def joint(kit: Kit) -> Learner:
    """All tasks at once: as large a batch as replay has, in as many steps."""
    return _plain(kit, reasoner(kit), new=2 * int(kit.cell.params["new"]), times=1)


def gem(kit: Kit) -> Learner:
    """As many pictures for each task, whose losses no step may increase."""
    network = reasoner(kit)
    capacity = kit.holds(lambda n: LosslessMemory.account(n, kit.shape, kit.carried()))
    places = LastOfEachTask(max(1, capacity // len(kit.tasks)), len(kit.tasks))
    memory = LosslessMemory(kit.shape, places, kit.carried(), rng=kit.rng("recall"))
    reference = OfEarlierTasks(Labels(), network, _within(kit), memory)
    rule = Projected(optimizer(kit, network), reference, margin=MARGIN)
    return _plain(kit, network, memory=memory, remembered=0, optimizer=rule, begins=reference.begin)


def averaged_gem(kit: Kit) -> Learner:
    """The same with one constraint, of some examples of the memory."""
    network, memory = reasoner(kit), memories.lossless(kit)
    reference = OfTheMemory(Labels(), network, _within(kit), memory, n=REFERENCE)
    rule = Projected(optimizer(kit, network), reference)
    return _plain(kit, network, memory=memory, remembered=0, optimizer=rule, begins=reference.begin)


def dark(kit: Kit) -> Learner:
    """Replay of labels and of the logits that were given at first sight."""
    network = reasoner(kit)
    memory = Answered(memories.lossless(kit, answers=kit.outputs), network)
    return _plain(
        kit,
        network,
        memory=memory,
        loss=DarkExperience(kit.mask, alpha=ALPHA, beta=BETA),
        incoming=lambda generator: Unanswered(generator, kit.outputs),
    )


def meta_replay(kit: Kit) -> Learner:
    """Replay whose steps are taken back in part, some together."""
    network = reasoner(kit)
    rule = Reptile(optimizer(kit, network), every=TAKEN_BACK, kept=KEPT)
    return _plain(kit, network, memory=memories.lossless(kit), optimizer=rule)


def own_rates(kit: Kit) -> Learner:
    """Replay with a rate for each parameter, which learns."""
    network, rate = reasoner(kit), float(str(kit.cell.params["rule"]).split()[1])
    rule = OwnRates(network.parameters(), lr=rate, learns=LEARNS)
    return _plain(kit, network, memory=memories.lossless(kit), optimizer=rule)


def icarl(kit: Kit) -> Learner:
    """Exemplars by herding, an old self for their targets, the nearest mean for answers."""
    network, old = reasoner(kit), OldSelf(kit.outputs)
    capacity = kit.holds(lambda n: LosslessMemory.account(n, kit.shape, kit.carried()))
    memory = Exemplars(kit.shape, capacity, kit.carried(), rng=kit.rng("recall"))
    means = _Means(network, memory, kit)
    return _plain(
        kit,
        network,
        memory=memory,
        writes=False,
        teacher=old,
        loss=WithinTask(SoftTargets(), kit.mask),
        begins=lambda number: old.remember(network, number),
        ends=means.end,
        answer=means.answer,
    )


def recollections(kit: Kit, codec: CategoricalAutoencoder) -> Learner:
    """Codes that stabilise the reasoner and the autoencoder itself."""
    return _dual(kit, codec, memories.recollected(kit, codec))


def both(kit: Kit, codec: CategoricalAutoencoder) -> Learner:
    """Codes and raw pictures."""
    return _dual(kit, codec, memories.both(kit, codec))


def autoencoder(kit: Kit, codec: CategoricalAutoencoder) -> Learner:
    """The autoencoder alone, with its own recollections, with raw pictures, or with nothing."""
    kinds: dict[str, Callable[[], Memory | None]] = {
        "none": lambda: None,
        "own": lambda: memories.recollected(kit, codec),
        "real": lambda: memories.lossless(kit),
    }
    return Learner(
        student=nn.ModuleDict({"codec": codec}),
        loss=OfPart("codec", PixelCrossEntropy(), teacher=Inputs()),
        optimizer=_codec_rule(kit, codec),
        answer=lambda x, task: torch.zeros(len(x), kit.outputs),
        memory=kinds[str(kit.cell.params["memory"])](),
        new=int(kit.cell.params["new"]),
        remembered=int(kit.cell.params["new"]),
        times=int(kit.cell.params["times"]),
    )


METHODS: dict[str, Callable[[Kit], Learner]] = {
    "online": online,
    "replay": replay,
    **dict.fromkeys(memories.CODECS, coded),
    "joint": joint,
    "gem": gem,
    "agem": averaged_gem,
    "icarl": icarl,
    "derpp": dark,
    "mer": meta_replay,
    "own rates": own_rates,
}
WITH_CODEC: dict[str, Callable[[Kit, CategoricalAutoencoder], Learner]] = {
    "recollections": recollections,
    "both": both,
    "autoencoder": autoencoder,
}


def _plain(kit: Kit, network: ResNet18, **more: Any) -> Learner:
    """Cross entropy within the task; as many remembered examples a step as new ones."""
    params = kit.cell.params
    parts = {
        "loss": _within(kit),
        "answer": lambda x, task: kit.mask(network(x), task),
        "new": int(params["new"]),
        "remembered": int(params["new"]),
        "times": int(params["times"]),
        **more,
    }
    return Learner(
        student=network, optimizer=parts.pop("optimizer", None) or optimizer(kit, network), **parts
    )


def _dual(kit: Kit, codec: CategoricalAutoencoder, memory: Memory) -> Learner:
    """Both learn; an autoencoder stored in half precision is rounded whenever a task ends."""
    network = reasoner(kit)
    learner = _plain(kit, network, memory=memory)
    of_codec = OfPart("codec", PixelCrossEntropy(), teacher=Inputs())
    learner.student = nn.ModuleDict({"codec": codec, "reasoner": network})
    learner.loss = OfPart("reasoner", _within(kit)) + of_codec
    learner.optimizer = Several([optimizer(kit, network), _codec_rule(kit, codec)])
    if kit.stored == memories.HALVED:
        learner.ends = lambda number, task: rounded(codec)
    return learner


def _codec_rule(kit: Kit, codec: CategoricalAutoencoder) -> torch.optim.Optimizer:
    params = kit.cell.params
    size = f"{codec.variables}x{codec.values}"
    kind = "pretrained" if params.get("start") == "cifar10" else size
    return torch.optim.Adam(codec.parameters(), lr=CODEC_RATES.get(kind, 1e-3), fused=True)


@torch.no_grad()
def rounded(codec: nn.Module) -> None:
    """Every parameter as half precision stores it; what learns goes on from there."""
    for parameter in codec.parameters():
        parameter.copy_(parameter.half())


def _within(kit: Kit) -> WithinTask:
    return WithinTask(HardLabels(), kit.mask)


class _Means:
    """What iCaRL does when a task ends, and how it answers."""

    def __init__(self, network: ResNet18, memory: Exemplars, kit: Kit) -> None:
        self.network, self.memory, self.kit = network, memory, kit
        self.means: Tensor | None = None

    def end(self, number: int, task: Task) -> None:
        """Keep the exemplars of the classes that have been learned."""
        features = self._features(task.x_train)
        for label in task.classes:
            own = (task.y_train == label).nonzero()[:, 0]
            chosen = own[herded(features[own], self.memory.capacity)]
            of_task = torch.full((len(chosen),), number)
            self.memory.write(
                Batch(as_unit(task.x_train[chosen]), task.y_train[chosen], task=of_task)
            )
        self.means = None

    def answer(self, x: Tensor, task: Tensor) -> Tensor:
        if len(self.memory) == 0:
            return self.kit.mask(self.network(x), task)
        if self.means is None:
            kept = self.memory.at(self.memory.places())
            self.means = self.memory.means(self._features(kept.x), self.kit.outputs)
        return self.kit.mask(nearest_mean(self.network.features(x), self.means), task)

    def _features(self, x: Tensor) -> Tensor:
        with quietly(self.network):
            return torch.cat([self.network.features(as_unit(part)) for part in x.split(AT_ONCE)])
