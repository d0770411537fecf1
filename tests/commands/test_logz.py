from __future__ import annotations

import json

import numpy as np
import pytest

from distillery.commands import logz as command_logz
from distillery.commands.main import main

W = np.random.default_rng(0).normal(size=(12, 6))


@pytest.fixture
def logz(tmp_path, monkeypatch, capsys):
    """`logz(*arguments)` runs the command on a small machine: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    np.savez("machine.npz", W=W, a=np.linspace(-1, 1, 12), b=np.zeros(6))

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["logz", "machine.npz", *arguments])
        return code, *capsys.readouterr()

    return run


def test_a_report_a_figure_beside_the_model_and_json_come_out(logz, tmp_path):
    code, out, err = logz("--json", "found.json")
    assert code == 0
    assert out.startswith("machine.npz: 12 visible and 6 hidden units\nlog Z = ")
    assert err == "adding up 64 states\n"
    assert (tmp_path / "machine.logz.png").read_bytes().startswith(b"\x89PNG")
    found = json.loads((tmp_path / "found.json").read_text())
    assert f"log Z = {found['log_z']:.6f}\n" in out
    assert (found["model"], found["visible"], found["hidden"], found["seed"], found["trusted"]) == (
        "machine.npz",
        12,
        6,
        0,
        True,
    )
    assert {path.name for path in tmp_path.iterdir()} == {
        "machine.npz",
        "machine.logz.png",
        "found.json",
    }


def test_annealing_agrees_with_adding_up_and_a_seed_repeats_it(logz, tmp_path):
    bits = np.random.default_rng(1).integers(0, 2, (50, 12))
    np.savez("data.npz", x_train=bits)
    values = []
    for out in ("one.json", "two.json", "exact.json"):
        method = (
            ()
            if out == "exact.json"
            else ("--method", "ais", "--data", "data.npz", "--seed", "3", "--chains", "40")
        )
        assert logz(*method, "-o", out, "--figure", "none")[0] == 0
        values.append(json.loads((tmp_path / out).read_text()))
    one, two, exact = values
    assert one["log_z"] == two["log_z"]
    assert one["interval"][0] <= exact["log_z"] <= one["interval"][1]
    assert one["run"]["starts"] == "states found by annealing, and some of 50 rows of data"
    assert not (tmp_path / "machine.logz.png").exists()


def test_what_the_file_left_open_is_noted(logz):
    np.savez("machine.npz", W=W, b=np.zeros(12), c=np.zeros(6))
    assert logz("--figure", "none")[1].startswith(
        "Note: b was taken for the visible biases, c for the hidden ones"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--method", "bridg"),
            (
                "unknown method 'bridg'; did you mean 'bridge'? method can be: auto, ais, bridge,"
                " importance, bounds"
            ),
        ),
        (("--device", "gpu"), "unknown device 'gpu'"),
        (("--error", "0"), "error is 0.0: a number above 0 is needed"),
        (
            ("--method", "ais", "--chains", "0"),
            "chains is 0: a whole number of at least 2 is needed",
        ),
        (("--method", "ais", "--temperatures", "0"), "temperatures is 0"),
        (("--data", "grey.npz"), "grey.npz: x holds 0.5: every entry must be 0 or 1"),
        (
            ("--data", "narrow.npz"),
            "--data narrow.npz has 5 bits a row; the machine has 12 visible units",
        ),
        (("--data", "none.npz"), "none.npz is not there: an .npz or .safetensors file is needed"),
        (("--data", "."), ". is a folder: an .npz or .safetensors file is needed"),
        (("--seed", "-1"), "--seed is -1: a whole number from 0, below 2^63, is needed"),
        (("--seed", "1" + "0" * 23), "--seed is 100000000000000000000000: a whole number from 0"),
        (
            ("--json", "nowhere/found.json"),
            (
                "--json is nowhere/found.json, but nowhere cannot be written to (No such file or"
                " directory)"
            ),
        ),
        (("--json", "machine.npz"), "--json is machine.npz, which is read from"),
        (("--json", "."), "--json is ., a folder"),
        (
            ("--figure", "picture.bmp"),
            "--figure is picture.bmp: a name that ends in .png, .pdf, .svg is needed, or none",
        ),
        (("--figure", "same.png", "--json", "same.png"), "--figure and --json are both same.png"),
    ],
)
def test_bad_input_is_one_sentence_before_anything_is_computed(
    arguments, message, logz, monkeypatch, tmp_path
):
    np.savez("grey.npz", x=np.full((3, 12), 0.5))
    np.savez("narrow.npz", x=np.zeros((3, 5)))
    code, out, err = logz(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"distillery: {message}")
    assert err.count("\n") == 1
    assert {path.suffix for path in tmp_path.iterdir()} == {".npz"}


def test_a_folder_is_no_model(logz, capsys):
    assert main(["logz", "."]) == 2
    assert capsys.readouterr().err == (
        "distillery: . is a folder: an .npz or .safetensors file is needed\n"
    )


def test_a_model_of_too_many_arrays_is_refused_in_a_sentence_of_bearable_length(logz):
    np.savez("machine.npz", **{f"layer.{i}.gamma": W for i in range(1000)})
    code, _, err = logz()
    assert code == 2
    assert "layer.11.gamma (12, 6), and 988 more" in err
    assert len(err) < 800


def test_what_was_found_is_on_disk_before_it_is_printed(logz, monkeypatch, tmp_path):
    def unprintable(self):
        raise ValueError("no such letters")

    monkeypatch.setattr(command_logz.Report, "__str__", unprintable)
    assert logz("--json", "found.json")[0] == 2
    assert json.loads((tmp_path / "found.json").read_text())["trusted"]
    assert (tmp_path / "machine.logz.png").is_file()


def test_what_was_found_is_printed_though_the_figure_fails(logz, monkeypatch):
    def undrawn(report, path):
        raise OSError("no room")

    monkeypatch.setattr(command_logz, "_drawn", undrawn)
    code, out, err = logz("--json", "found.json")
    assert (code, err.splitlines()[-1]) == (2, "distillery: no room")
    assert "log Z = " in out
    assert "Json: found.json" in out


def test_outputs_are_tried_before_the_model_is_read(logz, monkeypatch):
    monkeypatch.setattr(command_logz, "_read", lambda args: pytest.fail("read first"))
    assert logz("--json", "nowhere/found.json")[0] == 2


def test_pdf_and_svg_are_drawn_too(logz, tmp_path):
    for name, magic in (("p.pdf", b"%PDF"), ("p.svg", b"<?xml")):
        assert logz("--figure", name)[0] == 0
        assert (tmp_path / name).read_bytes().startswith(magic)
