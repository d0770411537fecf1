"""The command line: `distillery COMMAND …`, a command being a file `lab/command_<name>.py` with `SUMMARY`, `add_arguments` and `run`.

Exit codes: 0 done, 1 something failed on the way, 2 refused at the door in one sentence, 130 interrupted by Ctrl-C.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import sys
import warnings
from collections.abc import Callable, Sequence
from types import ModuleType

from distillery import lab
from distillery.studies import unknown

_PREFIX = "command_"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_overview())
        return 0
    if arguments[0] == "--version":
        print(_version())
        return 0
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        return _guarded(lambda: _run(arguments[0], arguments[1:]))


def commands() -> list[str]:
    """The names of the commands, without importing them."""
    return sorted(found.name.removeprefix(_PREFIX) for found in pkgutil.iter_modules(lab.__path__) if found.name.startswith(_PREFIX))


def _run(name: str, arguments: Sequence[str]) -> int:
    if name not in commands():
        raise ValueError(unknown("command", name, commands()))
    command = _command(name)
    parser = argparse.ArgumentParser(prog=f"distillery {name}", description=command.SUMMARY, allow_abbrev=False)
    command.add_arguments(parser)
    return int(command.run(parser.parse_args(arguments)) or 0)


def _guarded(run: Callable[[], int]) -> int:
    """Bad input is one sentence, not a traceback; `$DISTILLERY_TRACEBACK` shows the traceback."""
    try:
        return run()
    except KeyboardInterrupt:
        print("distillery: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader of our output has left; nothing more to say
        return 1
    except (ValueError, OSError) as error:
        if os.environ.get("DISTILLERY_TRACEBACK"):
            raise
        print(f"distillery: {error}", file=sys.stderr)
        return 2


def _overview() -> str:
    lines = [f"  {name:<10} {_command(name).SUMMARY}" for name in commands()]
    return "\n".join(["usage: distillery COMMAND ...", "", *lines, "", "distillery COMMAND --help says more."])


def _command(name: str) -> ModuleType:
    return importlib.import_module(f"{lab.__name__}.{_PREFIX}{name}")


def _version() -> str:
    from distillery.lab import provenance

    return f"distillery {provenance.versions()['distillery']}"


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    print(f"distillery: warning: {message}", file=sys.stderr)
