from __future__ import annotations

from contextlib import contextmanager
from threading import Event, Thread

import pytest

from distillery_book.running import claims
from tiny_studies import FAST, TENSORS

ONE, TWO, *_ = FAST.cells("smoke")


@contextmanager
def refused(sentence: str):
    """Whoever asks within is told that it is busy, by which process, and what to do."""
    with pytest.raises(
        ValueError, match=sentence + r" on .* by process \S+; wait for it, or stop it"
    ):
        yield


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    assert claims.PATIENCE == 10
    monkeypatch.setattr(claims, "PATIENCE", 0.1)


def test_a_study_is_run_as_a_whole_by_one_process_at_a_time(tmp_path):
    with (
        claims.whole(FAST, tmp_path),
        refused("^study 'fast' is being run"),
        claims.whole(FAST, tmp_path),
    ):
        pass
    with claims.whole(FAST, tmp_path), claims.whole(TENSORS, tmp_path):
        pass


def test_cells_of_a_study_are_run_side_by_side_and_each_by_one_process_at_a_time(tmp_path):
    with claims.single(FAST, ONE, tmp_path), claims.single(FAST, TWO, tmp_path):
        busy = "^cell pause=0.0 width=1.0 seed=0 data=none of study 'fast' is being run"
        with refused(busy), claims.single(FAST, ONE, tmp_path):
            pass
    with claims.single(FAST, ONE, tmp_path):
        pass


def test_a_cell_and_the_whole_study_exclude_each_other(tmp_path):
    with (
        claims.whole(FAST, tmp_path),
        refused("^study 'fast' is being run"),
        claims.single(FAST, ONE, tmp_path),
    ):
        pass
    with (
        claims.single(FAST, ONE, tmp_path),
        refused("^a cell of study 'fast' is being run"),
        claims.whole(FAST, tmp_path),
    ):
        pass
    with claims.whole(FAST, tmp_path), claims.single(TENSORS, TENSORS.cells("smoke")[0], tmp_path):
        pass


def test_a_cell_waits_for_the_moment_in_which_another_takes_its_claim(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "PATIENCE", 30)
    began, taken = Event(), Event()

    def take() -> None:
        began.set()
        with claims.single(FAST, ONE, tmp_path):
            taken.set()

    with claims.whole(FAST, tmp_path):  # as long as the moment of another is held up
        other = Thread(target=take)
        other.start()
        assert began.wait(10)
        assert not taken.wait(0.2)
    assert taken.wait(10)
    other.join()


def test_claims_leave_nothing_behind_but_the_studys_own(tmp_path):
    with claims.single(FAST, ONE, tmp_path):
        assert list((tmp_path / ".scratch" / "fast.cells").iterdir()) != []
    assert list((tmp_path / ".scratch" / "fast.cells").iterdir()) == []
    with claims.whole(FAST, tmp_path):
        assert not (tmp_path / ".scratch" / "fast.cells").exists()


def test_what_a_killed_process_left_of_its_claim_keeps_nobody_out(tmp_path):
    left = tmp_path / ".scratch" / "fast.cells" / "0123456789abcdef"
    left.mkdir(parents=True)
    (left / "lock").write_text("1")
    with claims.whole(FAST, tmp_path):
        assert not left.exists()
