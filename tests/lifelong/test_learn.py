"""Learning a stream is a fold of the loop; what is killed goes on as if nothing had happened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from distillery import distill
from distillery.lifelong import (
    AccuracyMatrix,
    Answered,
    DarkExperience,
    Diary,
    Exemplars,
    LastOfEachTask,
    Learner,
    LosslessMemory,
    OfEarlierTasks,
    OfPart,
    OldSelf,
    OwnRates,
    Projected,
    RecollectedMemory,
    Replay,
    Reptile,
    Several,
    Stream,
    Unanswered,
    WithinTask,
    herded,
    learn,
    nearest_mean,
)
from distillery.losses import HardLabels, PixelCrossEntropy, SoftTargets
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.protocols import Batch
from distillery.teachers import Frozen, Inputs, Labels
from tiny_streams import (
    CARRIED,
    CLASSES,
    MASK,
    SHAPE,
    TASKS,
    answer,
    learner,
    lossless,
    rng,
    student,
    task,
    tasks,
)


def online() -> Learner:
    return learner(student())


def replaying() -> Learner:
    return learner(student(), memory=lossless(), times=2)


def projected() -> Learner:
    network = student()
    memory = LosslessMemory(SHAPE, LastOfEachTask(4, TASKS), CARRIED, rng=rng(4))
    reference = OfEarlierTasks(Labels(), network, WithinTask(HardLabels(), MASK), memory)
    optimizer = Projected(torch.optim.SGD(network.parameters(), lr=0.05), reference, margin=0.5)
    return learner(
        network, memory=memory, remembered=0, optimizer=optimizer, begins=reference.begin
    )


def dual() -> Learner:
    codec = CategoricalAutoencoder(8, 2, rng=rng(7))
    both = nn.ModuleDict({"codec": codec, "reasoner": student()})
    loss = OfPart("reasoner", WithinTask(HardLabels(), MASK)) + OfPart(
        "codec", PixelCrossEntropy(), teacher=Inputs()
    )
    return Learner(
        student=both,
        loss=loss,
        optimizer=Several(
            [
                torch.optim.SGD(both["reasoner"].parameters(), lr=0.05),
                torch.optim.Adam(codec.parameters(), lr=1e-3),
            ]
        ),
        answer=answer(both["reasoner"]),
        memory=RecollectedMemory(codec, 30, CARRIED, rng=rng(8)),
        times=3,
    )


def dark() -> Learner:
    network = student()
    return learner(
        network,
        memory=Answered(lossless(answers=CLASSES), network),
        loss=DarkExperience(MASK),
        incoming=lambda generator: Unanswered(generator, CLASSES),
    )


def icarl() -> Learner:
    network, memory, old = student(), Exemplars(SHAPE, 12, CARRIED, rng=rng(2)), OldSelf(CLASSES)

    def ends(number: int, seen: object) -> None:
        own = task(number)
        memory.write(Batch(own.x_train.float() / 255, own.y_train, task=torch.full((40,), number)))

    return learner(
        network,
        memory=memory,
        teacher=old,
        loss=WithinTask(SoftTargets(), MASK),
        writes=False,
        begins=lambda number: old.remember(network, number),
        ends=ends,
    )


def own_rates() -> Learner:
    network = student()
    return learner(
        network, memory=lossless(), optimizer=OwnRates(network.parameters(), lr=0.05, learns=0.1)
    )


def reptile() -> Learner:
    network = student()
    inner = torch.optim.SGD(network.parameters(), lr=0.05)
    return learner(network, memory=lossless(), optimizer=Reptile(inner, every=3, kept=0.5))


LEARNERS: dict[str, Callable[[], Learner]] = {
    "online": online,
    "replay": replaying,
    "GEM": projected,
    "recollections": dual,
    "DER++": dark,
    "iCaRL": icarl,
    "own rates": own_rates,
    "MER": reptile,
}


def weights(learned: Learner) -> Tensor:
    return torch.cat([p.detach().flatten() for p in learned.student.parameters()])


def test_a_stream_of_one_task_is_a_plain_run_of_the_loop() -> None:
    one, other = online(), student()
    diary = learn(one, Stream([task(0)], rng=rng(1)))
    (incoming,) = Stream([task(0)], rng=rng(1))
    optimizer = torch.optim.SGD(other.parameters(), lr=0.05)
    loss = WithinTask(HardLabels(), MASK)
    distill(Labels(), other, incoming, loss, optimizer=optimizer, batch_size=10)
    for ours, theirs in zip(one.student.parameters(), other.parameters(), strict=True):
        assert ours.equal(theirs)
    assert (diary.steps, diary.images) == (4, 40)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_killed_stream_ends_as_an_undisturbed_one(name: str, tmp_path: Path) -> None:
    whole = LEARNERS[name]()
    expected = learn(whole, Stream(tasks(), rng=rng(1)))

    def killed(done: float) -> None:
        if done > 0.5:
            raise KeyboardInterrupt

    path = tmp_path / "stream.safetensors"
    with pytest.raises(KeyboardInterrupt):
        learn(LEARNERS[name](), Stream(tasks(), rng=rng(1)), checkpoint=path, progress=killed)
    again = LEARNERS[name]()
    begun: list[float] = []
    diary = learn(again, Stream(tasks(), rng=rng(1)), checkpoint=path, progress=begun.append)
    assert begun == [1.0]
    assert weights(again).equal(weights(whole))
    assert diary.seen["accuracy"].nan_to_num(-1).equal(expected.seen["accuracy"].nan_to_num(-1))
    assert (diary.steps, diary.images) == (expected.steps, expected.images)


def test_a_resumed_run_with_another_stream_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "stream.safetensors"
    learn(online(), Stream(tasks(), rng=rng(1)), checkpoint=path)
    with pytest.raises(ValueError, match=r"is of another run: stream\.tasks"):
        learn(online(), Stream(tasks()[::-1], rng=rng(1)), checkpoint=path)
    with pytest.raises(ValueError, match=r"is of another run: stream\.rng was a stream of seed 1"):
        learn(online(), Stream(tasks(), rng=rng(2)), checkpoint=path)


def test_the_matrix_has_a_row_a_task_and_looks_one_task_ahead() -> None:
    matrix = learn(replaying(), Stream(tasks(), rng=rng(1))).matrix()
    is_seen = torch.isfinite(matrix.values)
    assert is_seen.tolist() == [[True, True, False], [True] * 3, [True] * 3]
    assert torch.isfinite(matrix.before).all()
    assert matrix.retained > 0.8  # bright rows are easy


def test_all_tasks_at_once_have_one_row() -> None:
    diary = learn(online(), Stream(tasks(), rng=rng(1), joint=True, passes=3))
    assert diary.matrix().values.shape == (1, TASKS)
    assert diary.steps == 3 * TASKS * 4
    with pytest.raises(ValueError, match="the matrix has one row"):
        _ = diary.matrix().forgetting


def test_what_follows_from_the_matrix_is_computed_by_hand() -> None:
    nan = float("nan")
    values = torch.tensor([[0.8, 0.3, nan], [0.9, 0.7, 0.2], [0.5, 0.6, 1.0]])
    matrix = AccuracyMatrix(values, torch.tensor([0.1, 0.2, 0.3]))
    assert matrix.retained == pytest.approx(0.7)
    assert matrix.backward_transfer == pytest.approx((0.5 - 0.8 + 0.6 - 0.7) / 2)
    assert matrix.forward_transfer == pytest.approx((0.3 - 0.2 + 0.2 - 0.3) / 2)
    assert matrix.forgetting == pytest.approx((0.9 - 0.5 + 0.7 - 0.6) / 2)
    with pytest.raises(ValueError, match=r"values has shape \(2, 3\)"):
        AccuracyMatrix(values[:2], matrix.before)


def test_each_new_example_rides_in_every_batch_and_all_is_drawn_before() -> None:
    """The memory is asked once for all batches, and written to afterwards."""
    memory = lossless(1000)
    (incoming,) = Stream([task(0)], rng=rng(1))
    replay = Replay(incoming, memory, remembered=4, times=3)
    first = [replay.draw(9) for _ in range(3)]
    assert len(memory) == 5
    second = [replay.draw(9) for _ in range(3)]
    assert len(memory) == 10
    for batches in (first, second):
        assert all(batch.x[:5].equal(batches[0].x[:5]) for batch in batches)
    known = {x.numpy().tobytes() for x in first[0].x[:5]}
    assert {x.numpy().tobytes() for batch in second for x in batch.x[5:]} <= known
    assert {x.numpy().tobytes() for batch in first for x in batch.x[5:]} <= known


def test_recollections_of_all_batches_are_decoded_before_the_first_step() -> None:
    codec = CategoricalAutoencoder(8, 2, rng=rng(7))
    memory = RecollectedMemory(codec, 100, CARRIED, rng=rng(8))
    (incoming,) = Stream([task(0)], rng=rng(1))
    replay = Replay(incoming, memory, remembered=10, times=2)
    replay.draw(20), replay.draw(20)
    before = {x.numpy().tobytes() for x in memory.at(memory.places()).x}
    replay.draw(20)
    with torch.no_grad():
        codec.decoder[-1].bias += 1
    assert {x.numpy().tobytes() for x in replay.draw(20).x[10:]} <= before


def test_replay_refuses_what_does_not_fit() -> None:
    (incoming,) = Stream([task(0)], rng=rng(1))
    with pytest.raises(ValueError, match="remembered is -1 with a LosslessMemory"):
        Replay(incoming, lossless(), remembered=-1)
    with pytest.raises(ValueError, match="remembered is 3 with no memory"):
        Replay(incoming, None, remembered=3)
    with pytest.raises(ValueError, match="n is 4: 4 of a batch are remembered"):
        Replay(incoming, lossless(), remembered=4).draw(4)


def test_the_old_self_answers_for_its_tasks_and_labels_for_the_others() -> None:
    network, old = student(), OldSelf(CLASSES)
    own = Batch(
        torch.rand(4, *SHAPE, generator=rng()),
        torch.tensor([0, 3, 4, 1]),
        torch.tensor([0, 1, 2, 0]),
    )
    assert old(own).argmax(1).equal(own.y)
    old.remember(network, 1)
    expected = Frozen(network)(own)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1)
    assert old(own)[[0, 3]].equal(expected[[0, 3]])
    assert old(own)[[1, 2]].softmax(1)[[0, 1], own.y[1:3]].tolist() == [1.0, 1.0]


def test_dark_experience_is_cross_entropy_for_what_nobody_answered() -> None:
    network, loss = student(), DarkExperience(MASK, alpha=2.0, beta=0.0)
    x, y, number = torch.rand(3, *SHAPE, generator=rng()), torch.tensor([0, 3, 5]), torch.arange(3)
    logits = network(x).detach()
    nobody = torch.full_like(logits, torch.nan)
    new = Batch(x, y, task=number, draw=nobody)
    plain = WithinTask(HardLabels(), MASK).each(Labels(), network, new)
    torch.testing.assert_close(loss.each(Labels(), network, new), plain)
    moved = logits.clone()
    moved[:, 0] += 1  # an output of task 0 alone
    old = Batch(x, y, task=number, draw=moved)
    torch.testing.assert_close(loss.each(Labels(), network, old), torch.tensor([1.0, 0.0, 0.0]))


def test_herding_chooses_what_keeps_the_mean() -> None:
    """Of points on a line the middle comes first; the running mean stays nearest."""
    points = torch.tensor([[-3.0], [0.1], [1.0], [2.0], [-0.1 - 0.0]])
    assert herded(points, 1).tolist() == [1]
    features = torch.randn(50, 4, generator=rng())
    order = herded(features, 20)
    assert len(set(order.tolist())) == 20
    greedy = (features[order].mean(0) - features.mean(0)).norm()
    chance = torch.stack(
        [
            (features[torch.randperm(50, generator=rng(s))[:20]].mean(0) - features.mean(0)).norm()
            for s in range(50)
        ]
    )
    assert greedy < chance.min()


def test_the_nearest_mean_is_chosen_among_classes_that_have_one() -> None:
    means = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    scores = nearest_mean(torch.tensor([[5.0, 1.0], [0.1, 0.3]]), means)
    assert scores.argmax(1).tolist() == [0, 1]
    assert (scores[:, 2] < -1e6).all()


def test_a_reptile_that_keeps_everything_is_its_optimizer() -> None:
    for kept, share in ((1.0, 1.0), (0.25, 0.25)):
        parameter = nn.Parameter(torch.zeros(2))
        optimizer = Reptile(torch.optim.SGD([parameter], lr=1.0), every=2, kept=kept)
        for _ in range(4):
            parameter.grad = torch.tensor([1.0, -2.0])
            optimizer.step()
        assert parameter.tolist() == [-4.0 * share, 8.0 * share]


def test_several_optimizers_step_as_one() -> None:
    first, second = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
    optimizer = Several([torch.optim.SGD([first], lr=1.0), torch.optim.SGD([second], lr=0.5)])
    optimizer.zero_grad()
    first.grad, second.grad = torch.ones(1), torch.ones(1)
    optimizer.step()
    assert (first.tolist(), second.tolist()) == ([-1.0], [-0.5])
    assert [group["lr"] for group in optimizer.param_groups] == [1.0, 0.5]


def test_own_rates_grow_where_gradients_agree_and_stop_where_they_do_not() -> None:
    parameter = nn.Parameter(torch.zeros(2))
    optimizer = OwnRates([parameter], lr=0.1, learns=0.2)
    for gradient in ([1.0, 1.0], [1.0, -1.0]):
        parameter.grad = torch.tensor(gradient)
        optimizer.step()
    torch.testing.assert_close(parameter.detach(), torch.tensor([-0.1 - 0.3, -0.1]))


def test_part_losses_need_a_student_of_parts() -> None:
    with pytest.raises(TypeError, match=r"OfPart: the student is a MLP: an nn.ModuleDict with 'x'"):
        OfPart("x", HardLabels()).each(Labels(), student(), Batch(torch.zeros(1, 784)))
    assert isinstance(Diary().state_dict()["steps"], int)
