"""The README says what is so: its code runs from its text, its commands and names exist."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distillery.commands.main import commands, main

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)


def command_lines() -> list[list[str]]:
    """Every `distillery COMMAND …` of the text, whether in a block or in a sentence."""
    in_blocks = [line for block in blocks("bash") for line in block.splitlines()]
    in_sentences = re.findall(r"`(distillery [a-z][^`\n]*)`", README)
    return [
        shlex.split(line, comments=True)[1:]
        for line in in_blocks + in_sentences
        if line.startswith("distillery ")
    ]


def test_the_code_runs_block_after_block_and_both_students_learn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    space: dict[str, Any] = {}
    first, second = blocks("python")
    exec(compile(first, "README.md", "exec"), space)
    before, after = (float(number) for number in re.findall(r"\d+\.\d+", capsys.readouterr().out))
    assert after < 0.9 * before
    exec(compile(second, "README.md", "exec"), space)
    losses = space["history"].losses
    assert losses[-50:].mean() < losses[:10].mean()
    assert (tmp_path / "run.ckpt").is_file()


def test_the_mixed_loss_is_written_out_in_the_code() -> None:
    assert "0.9 * SoftTargets(temperature=4.0) + 0.1 * HardLabels()" in blocks("python")[1]


@pytest.mark.parametrize("line", command_lines(), ids=" ".join)
def test_every_command_line_is_understood(line: list[str]) -> None:
    command = importlib.import_module(commands()[line[0]])
    parser = argparse.ArgumentParser(allow_abbrev=False)
    command.add_arguments(parser)
    parser.parse_args(line[1:])


def test_the_commands_on_files_run_on_tiny_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The training of a compression alone is cut short: with the flags of the README it takes
    tens of thousands of pictures.
    """
    monkeypatch.chdir(tmp_path)
    weights = np.random.default_rng(0).normal(size=(12, 6))
    np.savez("my_rbm.npz", W=weights, a=np.zeros(12), b=np.zeros(6))
    pictures = np.random.default_rng(1).integers(0, 256, (60, 28, 28)).astype(np.uint8)
    np.savez("my_pictures.npz", x=pictures, y=np.arange(60) % 10)
    lines = {line[0]: line for line in command_lines() if line[0] in ("logz", "decompress")}
    compress = ["compress", "my_pictures.npz", "--code", "4x2", "--passes", "1"]
    for line in (lines["logz"], compress, lines["decompress"]):
        assert main(line) == 0
    written = {"found.json", "my_rbm.logz.png", "my_pictures.rec", "my_pictures_again.npz"}
    assert {path.name for path in tmp_path.iterdir()} >= written


def test_every_target_of_make_and_every_file_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"\bmake (?:[A-Z]+=\S+ )?([a-z]+)\b(?=`|\s+#)", README))
    assert targets >= {"book", "test", "help", "lab"}
    assert {target for target in targets if f"\n{target}:" not in makefile} == set()
    files = re.findall(r"`((?:book|lib)/[\w./]*)`", README)
    assert len(files) > 3
    assert [name for name in files if not (ROOT / name).exists()] == []


def test_every_name_of_the_library_exists() -> None:
    names = set(re.findall(r"`(distillery(?:\.\w+)+)\b", README))
    assert "distillery.storage.Recollections.load" in names
    tools = {"distillery.compress", "distillery.log_z"}
    for name in names - tools:
        assert callable(pkgutil.resolve_name(name)), name
    for name in names & tools:
        room = name.replace("distillery.", "distillery.tools.").replace("_", "")
        assert importlib.import_module(room).__doc__, name
