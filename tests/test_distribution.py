"""What is handed on: a source archive and a wheel of the library alone, which works where the clone
is not; and what makes the book's commands known in a clone.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Callable
from email import message_from_bytes
from email.message import Message
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TITLE = f"{PROJECT['name']}-{PROJECT['version']}"
VERSIONS = ("3.11", "3.12", "3.13")
NEEDED = ("PIL", "numba", "numpy", "safetensors", "scipy", "torch", "tqdm")  # as they are imported
TOLD = {"CHANGELOG.md", "CITATION.cff", "LICENSE", "README.md"}
LEFT_OUT = ("lib/distillery_book/__init__.py", "book/01_one_loop.ipynb", "tests/test_house.py")
BUILD = "from setuptools import build_meta; build_meta.build_{what}({folder!r})"
needs_pip = pytest.mark.skipif(find_spec("pip") is None, reason="there is no pip")
needs_setuptools = pytest.mark.skipif(find_spec("setuptools") is None, reason="no setuptools")
pytestmark = [needs_pip, needs_setuptools]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the clone, with book and tests: builds write into the folder where they run. An
    earlier build, of another choice of files, has left its list there.
    """
    root = tmp_path_factory.mktemp("clone")
    heavy = shutil.ignore_patterns("__pycache__", "*.egg-info", "arrays", "weights", "*.ipynb")
    for name in ("lib", "book", "tests"):
        shutil.copytree(ROOT / name, root / name, ignore=heavy)
    shutil.copy(ROOT / "book" / "01_one_loop.ipynb", root / "book")
    for name in ("pyproject.toml", "MANIFEST.in", "Makefile", *TOLD):
        shutil.copy(ROOT / name, root)
    (root / "lib/distillery.egg-info").mkdir()
    (root / "lib/distillery.egg-info/SOURCES.txt").write_text("\n".join(LEFT_OUT))
    return root


@pytest.fixture(scope="module")
def archive(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source archive of the clone."""
    return _built("sdist", clone, tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="module")
def wheel(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the unpacked archive, in which nothing of the clone can be found."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return _built("wheel", folder / TITLE, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def elsewhere(
    wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Python where the wheel is installed into a bare folder, what it needs is there too, and the
    clone is not.
    """
    target, here = tmp_path_factory.mktemp("installed"), tmp_path_factory.mktemp("anywhere")
    install = ["pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile"]
    _run(sys.executable, "-m", *install, "--target", str(target), str(wheel), cwd=here)
    path = os.pathsep.join([str(target), *sorted(_folders_of_what_is_needed())])
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "TARGET": str(target)}

    def python(*arguments: str) -> subprocess.CompletedProcess[str]:
        # -S: an editable installation would put the clone on the path
        return _run(sys.executable, "-S", *arguments, cwd=here, environment=environment)

    return python


def test_the_source_archive_holds_the_library_what_builds_it_and_nothing_of_the_book(
    archive: Path,
) -> None:
    with tarfile.open(archive) as packed:
        files = {PurePosixPath(member.name) for member in packed if member.isfile()}
    inside = {str(path.relative_to(TITLE)) for path in files}
    written = {"PKG-INFO", "setup.cfg"} | {
        name for name in inside if name.startswith("lib/distillery.egg-info/")
    }
    library = {f"lib/{name}" for name in _library()}
    assert inside - written == library | TOLD | {"pyproject.toml", "MANIFEST.in"}


def test_the_wheel_of_the_archive_holds_the_library_its_licence_and_nothing_else(
    wheel: Path,
) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    facts = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE", "top_level.txt"}
    assert names == _library() | {f"{TITLE}.dist-info/{name}" for name in facts}
    assert names >= {"distillery/py.typed", "distillery/plots/plots.mplstyle"}
    assert wheel.name == f"{TITLE}-py3-none-any.whl"


def test_the_wheel_of_the_clone_is_that_of_the_archive(
    clone: Path, wheel: Path, tmp_path: Path
) -> None:
    assert _contents(_built("wheel", clone, tmp_path)) == _contents(wheel)


def test_the_metadata_are_those_of_the_project(wheel: Path) -> None:
    said = _metadata(wheel)
    assert (said["Name"], said["Version"]) == (PROJECT["name"], PROJECT["version"])
    assert set(said["Requires-Python"].split(",")) == set(PROJECT["requires-python"].split(","))
    assert said["License-Expression"] == PROJECT["license"]
    assert said.get_all("License-File") == ["LICENSE"]
    assert said.get_all("Provides-Extra") == list(PROJECT["optional-dependencies"])
    plain = [need for need in said.get_all("Requires-Dist", []) if "extra ==" not in need]
    assert sorted(plain) == sorted(PROJECT["dependencies"])
    assert said["Description-Content-Type"] == "text/markdown"
    assert said.get_payload().strip() == (ROOT / "README.md").read_text(encoding="utf-8").strip()


def test_the_versions_of_python_are_those_that_the_classifiers_name(wheel: Path) -> None:
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(_metadata(wheel).get_all("Classifier", [])))
    assert tuple(named) == VERSIONS
    after = f"3.{int(VERSIONS[-1].partition('.')[2]) + 1}"
    assert PROJECT["requires-python"] == f">={VERSIONS[0]},<{after}"


def test_one_version_stands_in_the_project_the_library_the_book_and_the_citation() -> None:
    import distillery

    (book,) = distributions(name="distillery-book", path=[str(ROOT / "lib")])
    [cited] = re.findall(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert {distillery.__version__, book.version, cited} == {PROJECT["version"]}


def test_elsewhere_the_library_is_found_and_the_book_is_not(
    elsewhere: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    said = elsewhere(
        "-c",
        "import os, sys; from importlib.util import find_spec; import distillery;"
        " print(distillery.__file__.startswith(os.environ['TARGET']), distillery.__version__,"
        " find_spec('distillery_book'))",
    )
    assert said.stdout.split() == ["True", PROJECT["version"], "None"]


def test_elsewhere_the_command_line_offers_what_the_library_does(
    elsewhere: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    said = elsewhere("-m", "distillery", "--help").stdout
    assert re.findall(r"^  (\w+) ", said, re.MULTILINE) == ["compress", "decompress", "logz"]
    by_entry_point = (
        "import sys; from importlib.metadata import entry_points; sys.argv = ['distillery', '--help'];"
        " [point] = entry_points(group='console_scripts', name='distillery'); point.load()()"
    )
    assert elsewhere("-c", by_entry_point).stdout == said


def test_elsewhere_the_first_code_of_the_readme_distils(
    elsewhere: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    code = re.findall(r"^```python\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)[0]
    before, after = map(float, re.findall(r"\d+\.\d+", elsewhere("-c", code).stdout))
    assert after < 0.9 * before


def test_an_editable_installation_puts_both_packages_of_the_clone_on_the_path(
    clone: Path, tmp_path: Path
) -> None:
    contents = _contents(_built("editable", clone, tmp_path))
    [paths] = [text.decode() for name, text in contents.items() if name.endswith(".pth")]
    assert paths.split() == [str(clone / "lib")]
    assert [name for name in contents if name.endswith(".py")] == []


def test_in_a_clone_the_commands_and_models_of_the_book_lie_beside_the_library() -> None:
    (book,) = distributions(name="distillery-book", path=[str(ROOT / "lib")])
    commands = book.entry_points.select(group="distillery.commands")
    models = book.entry_points.select(group="distillery.models")
    files = {path.stem for path in (ROOT / "lib/distillery_book/commands").glob("[a-z]*.py")}
    assert {point.name for point in commands} == files
    assert [callable(point.load()) for point in models] == [True]
    assert all(hasattr(point.load(), "SUMMARY") for point in commands)


def test_the_wheel_brings_one_command_line_and_names_nothing_of_the_book(wheel: Path) -> None:
    points = _contents(wheel)[f"{TITLE}.dist-info/entry_points.txt"].decode()
    assert points.split() == [
        "[console_scripts]",
        "distillery",
        "=",
        PROJECT["scripts"]["distillery"],
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_source_compiles_without_a_warning(version: str, tmp_path: Path) -> None:
    """By each interpreter that is found here; the others are told as skipped."""
    python = _interpreter(version)
    if python is None:
        pytest.skip(f"no Python {version} here")
    options = ["-W", "error", "-X", f"pycache_prefix={tmp_path}"]
    folders = [str(ROOT / name) for name in ("lib", "tests")]
    _run(str(python), *options, "-m", "compileall", "-q", *folders, cwd=tmp_path)
    compiled = list(tmp_path.rglob("*.pyc"))
    assert len(compiled) == sum(len(list(Path(folder).rglob("*.py"))) for folder in folders)
    assert all(f"cpython-{version.replace('.', '')}" in path.name for path in compiled)


def _library() -> set[str]:
    """The files of the library in the checkout, as a wheel names them."""
    folder = ROOT / "lib" / "distillery"
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder.parent).as_posix()
        for path in files
        if "__pycache__" not in path.parts
    }


def _built(what: str, source: Path, folder: Path) -> Path:
    """What a build front end makes by calling setuptools where the sources lie."""
    _run(sys.executable, "-c", BUILD.format(what=what, folder=str(folder)), cwd=source)
    [made] = folder.iterdir()
    return made


def _run(
    *command: str, cwd: Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def _contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def _metadata(wheel: Path) -> Message:
    return message_from_bytes(_contents(wheel)[f"{TITLE}.dist-info/METADATA"])


def _folders_of_what_is_needed() -> set[str]:
    origins = [find_spec(name) for name in NEEDED]
    return {str(Path(str(spec.origin)).parents[1]) for spec in origins if spec is not None}


def _interpreter(version: str) -> Path | None:
    """An interpreter of that version: this one, one on the path, or one that pyenv keeps."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    kept = sorted(pyenv.glob(f"{version}.*/bin/python"))
    candidates = [sys.executable, *map(str, kept), shutil.which(f"python{version}")]
    asked = "import sys; print('%d.%d' % sys.version_info[:2])"
    for candidate in filter(None, candidates):
        said = subprocess.run([candidate, "-c", asked], capture_output=True, text=True, check=False)
        if said.stdout.strip() == version:
            return Path(candidate)
    return None
