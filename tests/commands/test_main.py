from __future__ import annotations

import subprocess
import sys
import warnings

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
