"""The command line: `distillery COMMAND …`, a command being a module with `SUMMARY`,
`add_arguments` and `run`.

The library's own commands are the modules beside this one. Other packages add theirs by the
entry-point group `distillery.commands`, a name and a module; one that cannot be imported is listed
with what is wrong, and stands in no other's way. Output never fails for its letters. Exit codes: 0
done, 1 something failed on the way, 2 refused at the door in one sentence, 130 interrupted by
Ctrl-C.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from types import ModuleType

from distillery import commands as own
from distillery.support.nearest import unknown
from distillery.support.plain import plainly

GROUP = "distillery.commands"
_MOST_SAID = 1000  # characters of an error


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    plainly(sys.stdout, sys.stderr)
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        return _guarded(lambda: _said(_overview()))
    if arguments[0] == "--version":
        return _guarded(lambda: _said(_version()))
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        return _guarded(lambda: _run(arguments[0], arguments[1:]))


def commands() -> dict[str, str]:
    """The commands by their names, each with the module that it is; none is imported."""
    beside = {
        module.name: f"{own.__name__}.{module.name}"
        for module in pkgutil.iter_modules(own.__path__)
    }
    del beside["main"]
    added = {point.name: point.value for point in entry_points(group=GROUP)}
    return dict(sorted((added | beside).items()))


def _run(name: str, arguments: Sequence[str]) -> int:
    known = commands()
    if name not in known:
        raise ValueError(unknown("command", name, list(known)))
    command = _imported(name, known[name])
    parser = argparse.ArgumentParser(
        prog=f"distillery {name}", description=command.SUMMARY, allow_abbrev=False
    )
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
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), 1
        )  # the reader of our output has left; nothing more to say
        return 1
    except (ValueError, OSError) as error:
        if os.environ.get("DISTILLERY_TRACEBACK"):
            raise
        print(f"distillery: {_short(str(error))}", file=sys.stderr)
        return 2


def _said(text: str) -> int:
    print(text, flush=True)
    return 0


def _short(message: str) -> str:
    """The beginning and the end of a message that is too long to be read."""
    if len(message) <= _MOST_SAID:
        return message
    half = _MOST_SAID // 2
    return f"{message[:half]} [...] {message[-half:]}"


def _imported(name: str, module: str) -> ModuleType:
    """The module of a command; what keeps another package's from being imported is said."""
    try:
        command = importlib.import_module(module)
        command.SUMMARY, command.add_arguments, command.run  # noqa: B018 (what a command has)
    except (Exception, SystemExit) as problem:
        if module.startswith(f"{own.__name__}."):
            raise
        raise ValueError(
            f"command {name!r} cannot be used: {module} of another package fails with"
            f" {type(problem).__name__}: {problem}"
        ) from problem
    return command


def _overview() -> str:
    lines = [f"  {name:<10} {_summary(name, module)}" for name, module in commands().items()]
    return "\n".join(
        ["usage: distillery COMMAND ...", "", *lines, "", "distillery COMMAND --help says more."]
    )


def _summary(name: str, module: str) -> str:
    try:
        return str(_imported(name, module).SUMMARY)
    except ValueError as problem:
        return f"({_short(str(problem))})"


def _version() -> str:
    from distillery.support.versions import versions

    return f"distillery {versions()['distillery']}"


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    print(f"distillery: warning: {message}", file=sys.stderr)
