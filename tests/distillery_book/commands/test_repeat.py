from __future__ import annotations

import json

import pytest

from distillery_book.commands import repeat
from distillery_book.running import local_workers
from tiny_studies import inline


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """`command(name, ...)` runs the command in this process: its exit code and what it printed."""
    import argparse

    monkeypatch.setattr(local_workers, "run", lambda jobs, report, **given: inline(jobs, report))

    def run(name: str, *arguments: str) -> tuple[int, str]:
        parser = argparse.ArgumentParser()
        repeat.add_arguments(parser)
        given = [f"tiny_studies:{name}", "--results", str(tmp_path), *arguments]
        return repeat.run(parser.parse_args(given)), capsys.readouterr().out

    return run


def recorded(tmp_path, monkeypatch) -> None:
    from distillery.commands.main import main

    assert main(["study", "tiny_studies:FAST", "--results", str(tmp_path)]) == 0


def test_every_outcome_is_printed_and_kept(command, tmp_path, monkeypatch, capsys):
    recorded(tmp_path, monkeypatch)
    capsys.readouterr()
    code, out = command("FAST", "--sample", "2")
    assert code == 0
    assert out.count("identical: ") == 2
    assert out.endswith(f"2 runs made again; {tmp_path}/repeats/fast.jsonl\n")
    assert len((tmp_path / "repeats" / "fast.jsonl").read_text().splitlines()) == 2


def test_a_number_that_does_not_come_again_is_exit_code_one(command, tmp_path, monkeypatch, capsys):
    recorded(tmp_path, monkeypatch)
    path = tmp_path / "fast.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[0]["metrics"]["at"] += 1.0
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    capsys.readouterr()
    code, out = command("FAST", "--sample", "4")
    assert (code, out.count("identical: "), out.count("differs: ")) == (1, 3, 1)
    assert "at is " in out


def test_a_sample_of_none_is_refused(command):
    with pytest.raises(ValueError, match=r"--sample is 0; 1 or more are needed"):
        command("FAST", "--sample", "0")
