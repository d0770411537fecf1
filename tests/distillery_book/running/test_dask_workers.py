from __future__ import annotations

import io
import os
import signal
import socket
import threading
import time
from types import SimpleNamespace

import pytest

import tiny_studies
from distillery.commands.main import main
from distillery_book.results import records
from distillery_book.running import dask_workers, runner
from distillery_book.running.job import How, Reply
from distillery_book.running.progress import Progress
from tiny_studies import STEPS, WALK, inline, marks, wait_for

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.filterwarnings("default")  # a killed worker leaves warnings of its own


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Two worker processes of two threads behind a scheduler on a TCP port, and the folder of their
    marks.
    """
    folder = tmp_path_factory.mktemp("cluster")
    os.environ["TINY_MARKS"] = str(folder)
    size = {"n_workers": 2, "threads_per_worker": 2, "processes": True}
    with distributed.LocalCluster(
        **size,
        protocol="tcp",
        host="127.0.0.1",
        dashboard_address=":0",
        local_directory=str(folder),
    ) as made:
        yield made, folder
    del os.environ["TINY_MARKS"]


def _run(workers, results) -> tuple[int, str]:
    jobs = runner.make_jobs(
        WALK,
        runner.missing(WALK, WALK.cells("smoke"), results),
        How("tiny_studies:WALK", "smoke", threads=0),
        results=results,
    )
    said = io.StringIO()
    return (
        runner.execute(WALK, jobs, workers, results, progress=Progress("walk", len(jobs), said)),
        said.getvalue(),
    )


def _found(results) -> dict:
    return {one.identity: (one.cell, dict(one.metrics)) for one in records.read("walk", results)}


def test_a_worker_killed_in_the_middle_loses_nothing_and_its_cell_is_run_again(
    cluster, tmp_path, monkeypatch
):
    made, folder = cluster
    assert made.scheduler_address.startswith("tcp://127.0.0.1:")
    victims: list[int] = []

    def kill() -> None:
        wait_for(lambda: len(marks(folder)) > 10)
        victims.append(marks(folder)[-1][0])
        os.kill(victims[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    failed, said = _run(
        lambda jobs, share: dask_workers.run(jobs, share, address=made.scheduler_address),
        tmp_path / "dask",
    )
    killer.join()
    assert (failed, said.count("FAILED")) == (0, 0)
    steps = marks(folder)
    monkeypatch.setattr(tiny_studies, "time", SimpleNamespace(sleep=lambda seconds: None))
    _run(inline, tmp_path / "here")
    assert _found(tmp_path / "dask") == _found(tmp_path / "here")
    assert len(_found(tmp_path / "dask")) == 4
    assert victims[0] in {pid for pid, _ in steps}
    assert 4 * STEPS <= len(steps) <= 4 * STEPS + 1  # the killed cell went on from its checkpoint
    assert {one.threads for one in records.read("walk", tmp_path / "dask")} == {2}


def test_an_unreachable_scheduler_is_one_sentence_within_ten_seconds(tmp_path, capfd, monkeypatch):
    assert dask_workers.TIMEOUT == 10
    monkeypatch.setattr(dask_workers, "TIMEOUT", 1.0)
    monkeypatch.chdir(os.path.dirname(__file__))
    start = time.monotonic()
    arguments = [
        "study",
        "tiny_studies:FAST",
        "--results",
        str(tmp_path),
        "--scheduler",
        "tcp://127.0.0.1:9",
    ]
    assert main(arguments) == 2
    assert time.monotonic() - start < 5
    assert (
        capfd.readouterr().err
        == "distillery: no Dask scheduler answers at 'tcp://127.0.0.1:9' within 1 seconds; is it"
        " running there?\n"
    )
    assert records.read("fast", tmp_path) == []


@pytest.mark.parametrize(
    "address", ["nowhere", "tcp://127.0.0.1", "smoke://1:2", "tcp://no.such.host.invalid:8786", ""]
)
def test_a_malformed_address_is_the_same_sentence(address, monkeypatch):
    monkeypatch.setattr(dask_workers, "TIMEOUT", 0.5)
    with pytest.raises(ConnectionError, match="no Dask scheduler answers at"):
        dask_workers.connect(address)


@pytest.mark.parametrize("first", [b"SSH-2.0-OpenSSH_9.6\r\n", b"\x4a\0\0\0\x0a8.0.36", bytes(8)])
def test_a_server_of_another_kind_that_speaks_first_is_one_sentence(first):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(first)
                connection.recv(1 << 16)

        answering = threading.Thread(target=answer)
        answering.start()
        sentence = f"^what answers at 'tcp://127.0.0.1:{port}' is no Dask scheduler; is the port"
        with pytest.raises(ConnectionError, match=sentence):
            dask_workers.connect(f"tcp://127.0.0.1:{port}")
        answering.join(10)


def test_a_cell_that_the_cluster_gives_up_fails_with_the_clusters_reason():
    class Lost:
        def result(self) -> bytes:
            raise RuntimeError("killed four workers")

    assert (
        dask_workers._reply(Lost()).error
        == "the cluster gave it up: RuntimeError: killed four workers"
    )
    assert isinstance(dask_workers._reply(Lost()), Reply)
