from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest

from distillery import __version__
from distillery.commands import main as cli

COMMAND = """
SUMMARY = "greets"
def add_arguments(parser): parser.add_argument("--times", type=int, default=1)
def run(args):
    if args.times < 1: raise ValueError("--times is 0; 1 or more are needed")
    if args.times > 8: raise KeyboardInterrupt
    if args.times > 4:
        import warnings; warnings.warn("rather often")
    print("hello " * args.times)
    return args.times - 1
"""


@pytest.fixture
def greet(tmp_path, monkeypatch):
    """The command line with one more command, in a file of its own."""
    (tmp_path / "greet.py").write_text(COMMAND)
    monkeypatch.setattr(cli.own, "__path__", [*cli.own.__path__, str(tmp_path)])
    yield
    sys.modules.pop("distillery.commands.greet", None)


def test_a_command_is_a_file_and_its_result_is_the_exit_code(greet, capsys):
    assert "greet" in cli.commands()
    assert [cli.main(["greet"]), cli.main(["greet", "--times", "2"])] == [0, 1]
    assert capsys.readouterr().out == "hello \nhello hello \n"


def test_without_a_command_each_is_listed_with_its_summary(greet, capsys):
    assert cli.main([]) == cli.main(["--help"]) == 0
    said = capsys.readouterr().out
    assert "  greet      greets\n" in said
    assert "  study      run what is missing of a study, and record it\n" in said


def test_an_unknown_command_is_refused_with_the_nearest_and_all_names(greet, capsys):
    assert cli.main(["greed"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(
        "distillery: unknown command 'greed'; did you mean 'greet'? command can be: "
    )
    assert "study" in said


def test_bad_input_is_one_sentence_and_exit_code_two(greet, capsys):
    assert cli.main(["greet", "--times", "0"]) == 2
    assert capsys.readouterr().err == "distillery: --times is 0; 1 or more are needed\n"


def test_the_traceback_of_bad_input_is_shown_on_request(greet, monkeypatch):
    monkeypatch.setenv("DISTILLERY_TRACEBACK", "1")
    with pytest.raises(ValueError, match="--times is 0"):
        cli.main(["greet", "--times", "0"])


def test_an_unknown_argument_is_refused(greet, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["greet", "--time", "2"])
    assert ended.value.code == 2
    assert "unrecognized arguments: --time 2" in capsys.readouterr().err


def test_an_interrupt_is_exit_code_130(greet, capsys):
    assert cli.main(["greet", "--times", "9"]) == 130
    assert capsys.readouterr().err == "distillery: interrupted\n"


def test_a_warning_is_a_line_without_file_names(greet, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        cli.main(["greet", "--times", "5"])
    assert capsys.readouterr().err == "distillery: warning: rather often\n"


def test_the_version_is_said(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"distillery {__version__}\n"


def test_the_package_is_the_command_line_and_refuses_without_importing_torch():
    code = "import sys, runpy; sys.argv = ['distillery', 'stdy']\n"
    code += (
        "try: runpy.run_module('distillery', run_name='__main__')\nexcept SystemExit as end:"
        " print(end.code, 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "2 False\n"
    assert "did you mean 'study'?" in done.stderr


class Point:
    """An entry point of somebody else's."""

    def __init__(self, name: str, value: str) -> None:
        self.name, self.value = name, value


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("import nowhere_to_be_found", "ModuleNotFoundError: No module named 'nowhere_to"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("SUMMARY = 'no run'", "AttributeError: module 'foreign_command' has no attribute"),
    ],
)
def test_a_command_of_another_package_that_is_broken_is_listed_with_what_is_wrong(
    content, said, greet, tmp_path, monkeypatch, capsys
):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "foreign_command.py").write_text(content)
    monkeypatch.syspath_prepend(elsewhere)
    monkeypatch.setattr(cli, "entry_points", lambda group: [Point("foreign", "foreign_command")])
    sys.modules.pop("foreign_command", None)
    assert cli.main(["--help"]) == 0
    listed = capsys.readouterr().out
    assert f"foreign_command of another package fails with {said}" in listed
    assert "  greet      greets\n" in listed
    assert cli.main(["greet"]) == 0
    sys.modules.pop("foreign_command", None)
    assert cli.main(["foreign"]) == 2
    assert said in capsys.readouterr().err


def test_an_error_of_many_thousand_letters_is_cut_in_the_middle(greet, monkeypatch, capsys):
    def long_winded(name, arguments):
        raise ValueError("begins " + "x" * 13_000 + " ends")

    monkeypatch.setattr(cli, "_run", long_winded)
    assert cli.main(["greet"]) == 2
    said = capsys.readouterr().err
    assert len(said) < 1100
    assert said.startswith("distillery: begins x")
    assert said.endswith("x ends\n")


PLAIN = {
    "PYTHONIOENCODING": "ascii",
    "LC_ALL": "C",
    "PYTHONUTF8": "0",
    "PYTHONCOERCECLOCALE": "0",
}


@pytest.mark.parametrize("changed", [PLAIN, {**PLAIN, "PYTHONIOENCODING": ""}])
def test_a_terminal_that_lacks_letters_loses_nothing(changed, tmp_path):
    """A finished computation is on disk and said, though its ± cannot be printed there."""
    rng = np.random.default_rng(0)
    arrays = {"W": rng.normal(size=(12, 6)), "a": np.zeros(12), "b": np.zeros(6)}
    np.savez(tmp_path / "machine.npz", **arrays)
    arguments = ["logz", "machine.npz", "--method", "ais", "--chains", "60"]
    arguments += ["--error", "0.2", "--json", "found.json", "--figure", "none"]
    done = subprocess.run(
        [sys.executable, "-m", "distillery", *arguments],
        cwd=tmp_path,
        env={**os.environ, **changed},
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b" +- " in done.stdout
    assert b"Json: found.json" in done.stdout
    assert json.loads((tmp_path / "found.json").read_text())["log_z"]
