"""A stream hands out every example once, in its task."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from distillery.lifelong import Stream
from distillery.protocols import Exhausted
from tiny_streams import CLASSES, TASKS, rng, task, tasks


def test_every_example_comes_once_with_its_label_and_task() -> None:
    for number, incoming in enumerate(Stream(tasks(), rng=rng())):
        batch = incoming.draw(40)
        assert batch.task.tolist() == [number] * 40
        order = batch.x.flatten(1).sum(1).argsort()
        own = tasks()[number].x_train.float().div(255)
        assert batch.x[order].equal(own[own.flatten(1).sum(1).argsort()])
        with pytest.raises(Exhausted):
            incoming.draw(1)


def test_joint_tasks_come_shuffled_and_as_often_as_asked() -> None:
    (incoming,) = Stream(tasks(), rng=rng(), joint=True, passes=2)
    batch = incoming.draw(2 * 40 * TASKS)
    assert batch.task.bincount().tolist() == [80] * TASKS
    assert batch.y.bincount().tolist() == [80 * TASKS // CLASSES] * CLASSES
    assert (batch.y // 2).equal(batch.task)
    assert len(batch.task[:20].unique()) == TASKS


def test_a_stream_is_read_once() -> None:
    stream = Stream(tasks(), rng=rng())
    assert len(list(stream)) == TASKS
    with pytest.raises(ValueError, match="the stream was read before: its examples come once"):
        iter(stream)


def test_what_is_no_stream_is_refused() -> None:
    empty = replace(task(0), x_train=task(0).x_train[:0], y_train=task(0).y_train[:0])
    with pytest.raises(ValueError, match="'task 0' has 0 training and 12 test examples"):
        Stream([empty], rng=rng())
    with pytest.raises(ValueError, match=r"'task 1' has labels \[2, 3\] outside its classes \[0,"):
        Stream([replace(task(1), classes=(0, 1))], rng=rng())
    with pytest.raises(ValueError, match="passes is 2 with joint=False"):
        Stream(tasks(), rng=rng(), passes=2)
    with pytest.raises(ValueError, match="tasks is empty"):
        Stream([], rng=rng())
    with pytest.raises(TypeError, match=r"rng is None: a torch.Generator is needed"):
        Stream(tasks(), rng=None)  # type: ignore[arg-type]


def test_the_order_within_a_task_follows_from_the_stream_of_chance_alone() -> None:
    first, second = (
        torch.cat([incoming.draw(40).y for incoming in Stream(tasks(), rng=rng(5))])
        for _ in range(2)
    )
    assert first.equal(second)
