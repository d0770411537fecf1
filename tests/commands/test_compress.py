from __future__ import annotations

import os
import re
import subprocess
import sys

import numpy as np
import pytest

from distillery.commands.main import main
from distillery.storage import Recollections
from distillery.tools.compress.run import Run
from made_archives import locked

PICTURES = np.random.default_rng(0).integers(0, 256, (60, 28, 28)).astype(np.uint8)
LABELS = np.arange(60) % 10


@pytest.fixture
def distillery(tmp_path, monkeypatch, capsys):
    """`distillery("compress", …)` in a folder with data.npz: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    np.savez("data.npz", x=PICTURES, y=LABELS)

    def run(*arguments: str) -> tuple[int, str, str]:
        return main(list(arguments)), *capsys.readouterr()

    return run


def test_pictures_become_a_file_and_the_file_pictures(distillery, tmp_path):
    code, out, err = distillery("compress", "data.npz", "--bits-per-image", "4", "--passes", "1")
    assert code == 0
    assert out.startswith("Code: 4 variables of 2 values, 4.00 bits an image\nFile: at most ")
    assert "Training: 1 passes over 60 pictures, 1 steps\n" in out
    size = (tmp_path / "data.rec").stat().st_size
    assert f"data.rec: {size:,} bytes" in out
    assert re.search(r"^Time: about \d+ s of training$", out, flags=re.MULTILINE)
    assert err == "training\ndecoding and measuring\n"
    code, out, err = distillery("decompress", "data.rec", "-o", "again.npz")
    assert (code, err) == (0, "")
    assert out.endswith("again.npz: x_train, 60 pictures, y_train and card\n")
    again, read = np.load("again.npz"), Recollections.load("data.rec")
    assert np.array_equal(again["x_train"], read.pictures[:, 0].numpy())
    assert np.array_equal(again["y_train"], LABELS)
    assert {path.name for path in tmp_path.iterdir()} == {"data.npz", "data.rec", "again.npz"}


def test_the_pictures_that_were_compressed_are_not_written_over_by_those_remembered(
    distillery, tmp_path
):
    before = (tmp_path / "data.npz").read_bytes()
    assert distillery("compress", "data.npz", "--code", "4x2", "--passes", "1")[0] == 0
    assert distillery("decompress", "data.rec")[0] == 0
    assert (tmp_path / "data.npz").read_bytes() == before
    assert (tmp_path / "data.again.npz").is_file()


@pytest.mark.parametrize("seed", ["-1", "99999999999999999999"])
def test_a_seed_that_no_stream_can_have_is_refused(distillery, seed):
    code, _, err = distillery("compress", "data.npz", "--code", "4x2", "--seed", seed)
    assert (code, err) == (
        2,
        f"distillery: --seed is {seed}: a whole number from 0, below 2^63, is needed\n",
    )


def test_a_seed_repeats_the_file_and_labels_can_be_left_out(distillery, tmp_path):
    for name in ("one", "two"):
        assert (
            distillery(
                "compress",
                "data.npz",
                "--code",
                "4x2",
                "-o",
                name,
                "--passes",
                "1",
                "--seed",
                "3",
                "--no-labels",
            )[0]
            == 0
        )
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert Recollections.load("one").labels is None
    assert distillery("decompress", "one", "-o", "one.npz")[1].endswith("60 pictures and card\n")


def test_an_interrupted_run_says_that_the_same_command_continues(distillery, tmp_path, monkeypatch):
    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Run, "finished", interrupted)
    code, _, err = distillery("compress", "data.npz", "--code", "4x2", "--passes", "1")
    assert (code, err) == (
        130,
        "distillery: interrupted; the same command continues from data.rec.checkpoint\n",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("data.npz", "--bits-per-image", "1"), "bits_per_image is 1: from 2, the smallest code"),
        (
            ("data.npz", "--times-smaller", "1000"),
            r"times_smaller is 1,000: .* so at most [\d.]+ works",
        ),
        (
            ("data.npz", "--budget-bytes", "1000"),
            r"budget_bytes is 1,000: .* so at least [\d,]+ works",
        ),
        (
            ("data.npz", "--bits-per-image", "7000"),
            "bits_per_image is 7,000: from 2, .*, to less than 6,272, the picture itself, works",
        ),
        (
            ("data.npz", "--times-smaller", "0.5"),
            (
                r"times_smaller is 0\.5: the file would be no smaller than the pictures; a number"
                r" above 1"
            ),
        ),
        (
            ("data.npz", "--budget-bytes", "60000"),
            "budget_bytes is 60,000: the pictures as bytes take 47,040, so that no compression is",
        ),
        (
            ("data.npz", "--times-smaller", "0"),
            r"times_smaller is 0\.0: a positive number is needed",
        ),
        (
            ("data.npz", "--code", "38"),
            "--code is '38': so many variables of so many values, such as 38x2",
        ),
        (("data.npz", "--code", "4x1"), "values is 1: "),
        (
            ("data.npz", "--code", "3x2"),
            r"variables \* values is 3 \* 2 = 6: a multiple of 4 is needed",
        ),
        (("data.npz", "--code", "4x2", "--passes", "0"), "passes is 0"),
        (
            ("data.npz", "--code", "4x2", "--codes", "drawm"),
            "unknown codes 'drawm'; did you mean 'drawn'",
        ),
        (("data.npz", "--code", "4x2", "--device", "gpu"), "unknown device 'gpu'"),
        (
            ("data.npz", "--code", "4x2", "-o", "data.npz"),
            "--output is data.npz, which is read from",
        ),
        (
            ("data.npz", "--code", "4x2", "-o", "no/where"),
            "--output is no/where, but no cannot be written to",
        ),
        (("none.npz", "--code", "4x2"), "none.npz is not there: an .npz file with pictures is"),
        ((".", "--code", "4x2"), r"\. is a folder: an \.npz file with pictures is needed"),
        (
            ("locked.npz", "--code", "4x2"),
            (
                "locked.npz is protected by a password, and is not opened: an .npz archive of plain"
                " arrays is"
            ),
        ),
        (("bad.npz", "--code", "4x2"), r"bad.npz: x holds 1 pixels that are not numbers \(NaN\)"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(arguments, message, distillery, tmp_path):
    bad = np.zeros((3, 28, 28))
    bad[1, 2, 3] = np.nan
    np.savez("bad.npz", x=bad)
    locked("locked.npz", x=PICTURES)
    code, out, err = distillery("compress", *arguments)
    assert (code, out.replace("Note: no labels were found\n", "")) == (2, "")
    assert re.match(f"distillery: {message}", err)
    assert err.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"data.npz", "bad.npz", "locked.npz"}


def test_a_second_run_that_would_write_the_same_file_is_refused_while_the_first_is_under_way(
    distillery, tmp_path, monkeypatch
):
    trained, seen = Run.trained, []

    def meanwhile(self):
        monkeypatch.setattr(Run, "trained", trained)
        seen.append(
            distillery("compress", "data.npz", "--code", "8x2", "-o", "one", "--passes", "1")
        )
        seen.append(
            distillery("compress", "data.npz", "--code", "8x2", "-o", "other", "--passes", "1")
        )
        return trained(self)

    monkeypatch.setattr(Run, "trained", meanwhile)
    assert distillery("compress", "data.npz", "--code", "4x2", "-o", "one", "--passes", "1")[0] == 0
    (code, _, err), (other, _, _) = seen
    assert (code, err) == (
        2,
        (
            f"distillery: one is being written by process {os.getpid()}; wait for it, stop it, or"
            " name another file\n"
        ),
    )
    assert other == 0
    assert (
        Recollections.load("one").codes.shape[1],
        Recollections.load("other").codes.shape[1],
    ) == (4, 8)
    assert {path.name for path in tmp_path.iterdir()} == {"data.npz", "one", "other"}


def test_a_long_training_is_announced_and_begun_only_if_that_is_wanted(
    distillery, tmp_path, monkeypatch
):
    monkeypatch.setattr(Run, "expected_seconds", lambda self: 7200.0)
    arguments = ("compress", "data.npz", "--code", "4x2", "--passes", "1")
    code, out, err = distillery(*arguments)
    assert code == 2
    assert "Time: about 2.0 h of training\n" in out
    assert err == (
        "distillery: training is expected to take 2.0 h, longer than 10 min: --yes trains all the"
        " same; a shorter code or fewer --passes take less\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["data.npz"]
    assert distillery(*arguments, "--yes")[0] == 0
    assert (tmp_path / "data.rec").is_file()


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("Yes", 0), ("", 2), ("no", 2)])
def test_at_a_terminal_a_long_training_is_asked_for(answer, code, distillery, monkeypatch):
    monkeypatch.setattr(Run, "expected_seconds", lambda self: 7200.0)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: answer)
    assert distillery("compress", "data.npz", "--code", "4x2", "--passes", "1")[0] == code


def test_a_training_that_was_begun_goes_on_without_being_asked_for_again(distillery, monkeypatch):
    trained = Run.trained

    def interrupted(self):
        raise KeyboardInterrupt

    arguments = ("compress", "data.npz", "--code", "4x2", "--passes", "1")
    monkeypatch.setattr(Run, "trained", interrupted)
    assert distillery(*arguments)[0] == 130
    monkeypatch.setattr(Run, "trained", trained)
    monkeypatch.setattr(Run, "expected_seconds", lambda self: 7200.0)
    assert distillery(*arguments)[0] == 0


LITTLE_ROOM = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
from distillery.commands.main import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_disk_that_is_full_is_one_sentence_and_nothing_is_at_the_files_place(
    distillery, tmp_path
):
    """Files of more than 2,000 bytes cannot be written here, which no checkpoint fits into."""
    arguments = ["compress", "data.npz", "--code", "4x2", "--passes", "1"]
    done = subprocess.run(
        [sys.executable, "-c", LITTLE_ROOM, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 2
    (sentence,) = [line for line in done.stderr.splitlines() if line.startswith("distillery: ")]
    assert sentence.startswith("distillery: there is no room for data.rec and its checkpoints (")
    assert sentence.endswith("make room, and the same call continues")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data.rec").exists()
    left = [path.name for path in (tmp_path / "data.rec.checkpoint").iterdir()]
    assert all(name.startswith(("run.json", "run.lock")) for name in left)
    assert distillery("compress", "data.npz", "--code", "4x2", "--passes", "1")[0] == 0


def test_which_arrays_come_out_is_said_in_the_help(distillery, capsys):
    with pytest.raises(SystemExit):
        distillery("decompress", "--help")
    said = " ".join(capsys.readouterr().out.split())
    for fact in ("uint8", "(N, H, W, 3), channels last", "int64 (N,)"):
        assert fact in said


def test_one_budget_is_needed_and_only_one(distillery):
    for arguments in ((), ("--code", "4x2", "--times-smaller", "3")):
        with pytest.raises(SystemExit) as ended:
            distillery("compress", "data.npz", *arguments)
        assert ended.value.code == 2


def test_a_damaged_file_is_not_decompressed(distillery, tmp_path):
    assert distillery("compress", "data.npz", "--code", "4x2", "--passes", "1")[0] == 0
    whole = (tmp_path / "data.rec").read_bytes()
    altered = whole[:-1] + bytes([whole[-1] ^ 1])
    for content, message in (
        (whole[:-9], "cut short"),
        (altered, "was altered"),
        (b"", "cut short"),
    ):
        (tmp_path / "data.rec").write_bytes(content)
        code, out, err = distillery("decompress", "data.rec", "-o", "out.npz")
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert message in err
    assert (
        distillery("decompress", "none.rec")[2]
        == "distillery: none.rec is not there: a recollection file is needed\n"
    )
    assert distillery("decompress", "data.rec", "-o", "out.zip")[2].startswith(
        "distillery: --output is out.zip: a name that ends in .npz"
    )
    assert not (tmp_path / "out.npz").exists()
