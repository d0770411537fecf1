from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from distillery.commands.main import main
from distillery_book.commands import book as command_book
from distillery_book.site import chapters, ipynb, kernels
from tiny_studies import wait_for

PARAMETERS = 'profile: str = "smoke"  # size\nsteps: int = 3  # of it\nrate: float = 0.5  # of it'


def notebook(*sources: str) -> ipynb.Notebook:
    cells = [
        _code("parameters", PARAMETERS, tags=["parameters"]),
        *(_code(f"cell-{i}", source) for i, source in enumerate(sources)),
    ]
    title = {"cell_type": "markdown", "id": "title", "metadata": {}, "source": ["# A chapter\n"]}
    return {
        "cells": [title, *cells],
        "metadata": {"kernelspec": ipynb.KERNEL},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _code(name: str, source: str, **metadata: object) -> ipynb.Cell:
    return {
        "cell_type": "code",
        "id": name,
        "metadata": metadata,
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A book of two chapters, in the current folder."""
    for folder in ("book/results", "book/published", "lib/distillery"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "_config.yml").write_text("title: a book\n")
    (tmp_path / "lib" / "distillery" / "loop.py").write_text("x = 1\n")
    (tmp_path / "book" / "01_first_steps.ipynb").write_text(
        ipynb.text(notebook("steps * rate", "profile"))
    )
    (tmp_path / "book" / "02_later.ipynb").write_text(ipynb.text(notebook("1 / 0")))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISTILLERY_RESULTS", raising=False)
    monkeypatch.setattr(kernels, "warm_fonts", lambda root: None)  # nothing is drawn here
    return tmp_path


def first(root: Path, **changed: str) -> chapters.Chapter:
    return chapters.chapters(root, only=["1"], changed=changed)[0]


def pretend_run(chapter: chapters.Chapter) -> None:
    """The executed copy as papermill would leave it."""
    copy = ipynb.read(chapter.source)
    copy["metadata"] |= {"papermill": {"duration": 1.0}}
    for number, cell in enumerate(ipynb.code_cells(copy), start=7):
        printed = {"output_type": "stream", "name": "stdout", "text": f"printed by {cell['id']}\n"}
        cell |= {"execution_count": number, "outputs": [printed]}
        cell["metadata"] |= {
            "papermill": {"exception": False},
            "execution": {"iopub.status.busy": "2026"},
            "tags": cell["metadata"].get("tags", []),
        }
    chapter.executed.parent.mkdir(parents=True)
    chapter.executed.write_text(ipynb.text(copy))


def test_a_second_page_is_a_chapter_of_its_own_beside_the_first(root: Path) -> None:
    second = ipynb.text(notebook("profile"))
    (root / "book" / "02b_later_still.ipynb").write_text(second)
    names = [chapter.name for chapter in chapters.chapters(root)]
    assert names == ["01_first_steps", "02_later", "02b_later_still"]
    asked = [chapters.chapters(root, only=[name])[0].name for name in ("2", "02", "2b", "02b")]
    assert asked == ["02_later", "02_later", "02b_later_still", "02b_later_still"]


def test_a_chapter_goes_by_its_name_its_number_or_its_title(root: Path) -> None:
    for name in ("01_first_steps", "1", "01", "first_steps", "book/01_first_steps.ipynb"):
        assert [chapter.name for chapter in chapters.chapters(root, only=[name])] == [
            "01_first_steps"
        ]
    assert [chapter.name for chapter in chapters.chapters(root)] == ["01_first_steps", "02_later"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["--chapters", "frist_steps"],
            "unknown chapter 'frist_steps'; did you mean '01_first_steps'",
        ),
        (["--profile", "laptpo"], "did you mean 'laptop'"),
        (["--chapters", "1", "-p", "stesp=4"], "did you mean 'steps'"),
        (
            ["--chapters", "1", "-p", "steps=four"],
            "parameter steps of 01_first_steps is 'four': a value of type int is needed, such as 3",
        ),
        (["--chapters", "1", "-p", "steps"], "parameter is 'steps': name=value is needed"),
        (["--chapters", "1", "-p", "steps=4", "--refresh"], "--refresh writes smoke outputs back"),
    ],
)
def test_bad_input_is_refused_in_one_sentence_before_anything_runs(
    root: Path, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["book", *arguments]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert len(said.strip().splitlines()) == 1
    assert not (root / "_build").exists()


def test_outside_a_clone_the_book_command_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["book"]) == 2
    assert "no book at or above" in capsys.readouterr().err


def test_a_run_is_stamped_and_skipped_until_something_that_decides_it_changes(root: Path) -> None:
    assert [execution.error for execution in chapters.run_all([first(root)])] == [""]
    assert [execution.skipped for execution in chapters.run_all([first(root)])] == [True]

    source = root / "book" / "01_first_steps.ipynb"
    prose = source.read_text().replace("# A chapter", "# Another title")
    source.write_text(prose)
    assert first(root).is_fresh(), "prose decides nothing"
    (root / "lib" / "distillery" / "loop.py").write_text("x = 2\n")
    assert not first(root).is_fresh(), "the library decides"
    (root / "lib" / "distillery" / "loop.py").write_text("x = 1\n")
    (root / "book" / "results" / "one.jsonl").write_text("{}\n")
    assert not first(root).is_fresh(), "records decide"
    (root / "book" / "results" / "one.jsonl").unlink()
    source.write_text(prose.replace("steps * rate", "steps + rate"))
    assert not first(root).is_fresh(), "code decides"


def test_changed_parameters_reach_a_kernel_that_has_one_thread_and_no_style_but_ours(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    (root / "matplotlibrc").write_text("lines.linewidth: 99\n")
    monkeypatch.setenv("MATPLOTLIBRC", str(root / "matplotlibrc"))
    asks = (
        "import os, matplotlib\nos.environ['OMP_NUM_THREADS'], os.environ['PYTHONHASHSEED'],"
        " matplotlib.rcParams['lines.linewidth']"
    )
    (root / "book" / "01_first_steps.ipynb").write_text(ipynb.text(notebook("steps * rate", asks)))
    chapter = first(root, steps="8", rate="1")
    assert chapters.run_one(chapter).error == ""
    shown, _ = ipynb.shown(ipynb.read(chapter.source), ipynb.read(chapter.executed))
    results = [
        cell["outputs"][0]["data"]["text/plain"]
        for cell in ipynb.code_cells(shown)
        if cell["outputs"]
    ]
    assert ["".join(result) for result in results] == ["8.0", "('1', '0', 1.5)"]
    assert "injected-parameters" in ipynb.tags(ipynb.code_cells(shown)[1])


def test_refresh_writes_outputs_back_without_a_trace_and_once(root: Path) -> None:
    chapter = first(root)
    pretend_run(chapter)
    assert chapters.refresh(chapter)
    assert not chapters.refresh(chapter)
    text = chapter.source.read_text()
    assert "printed by cell-1" in text
    assert not [word for word in ("papermill", "iopub", '"tags": []') if word in text]
    assert [cell["execution_count"] for cell in ipynb.code_cells(json.loads(text))] == [1, 2, 3]
    assert first(root).digest == chapter.digest, "outputs decide nothing"


@pytest.mark.parametrize("kind", ["drawing", "photograph"])
def test_committed_pictures_have_as_few_colours_as_show_the_same_and_are_then_left_alone(
    kind: str,
) -> None:
    spread, few = (256, 256) if kind == "photograph" else (3, 64)
    pixels = np.random.default_rng(0).integers(0, spread, (64, 64, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "PNG")
    chapter = notebook("plot()")
    encoded = base64.b64encode(written.getvalue()).decode()
    ipynb.code_cells(chapter)[1]["outputs"] = [
        {"output_type": "display_data", "data": {"image/png": encoded}, "metadata": {}}
    ]
    once = ipynb.refreshed(chapter, chapter)
    kept = Image.open(
        io.BytesIO(base64.b64decode(ipynb.code_cells(once)[1]["outputs"][0]["data"]["image/png"]))
    )
    assert few // 4 < len(kept.getcolors()) <= few
    assert (
        kind == "photograph"
        or np.abs(np.asarray(kept.convert("RGB"), dtype=int) - pixels[..., :3]).max() == 0
    )
    assert ipynb.refreshed(once, once) == once


def test_what_was_printed_in_pieces_is_committed_in_one() -> None:
    printed = notebook("talk()")
    ipynb.code_cells(printed)[1]["outputs"] = [
        {"output_type": "stream", "name": name, "text": text}
        for name, text in [
            ("stdout", "a\nb"),
            ("stdout", ["c\n"]),
            ("stderr", "d"),
            ("stdout", "e"),
        ]
    ]
    outputs = ipynb.code_cells(ipynb.refreshed(printed, printed))[1]["outputs"]
    pieces = [("stdout", ["a\n", "bc\n"]), ("stderr", ["d"]), ("stdout", ["e"])]
    assert [(output["name"], output["text"]) for output in outputs] == pieces


def test_prose_shows_the_number_that_the_run_glued_and_keeps_what_nothing_glued() -> None:
    committed = notebook("glue()")
    committed["cells"].append(
        {
            "cell_type": "markdown",
            "id": "told",
            "metadata": {},
            "source": ['**<span data-glue="a">old</span>** of <span data-glue="b">7</span>\n'],
        }
    )
    executed = json.loads(json.dumps(committed))
    told = {
        "data": {"application/papermill.record/text/plain": "'< 0.5'"},
        "metadata": {"scrapbook": {"name": "a"}},
        "output_type": "display_data",
    }
    ipynb.code_cells(executed)[1]["outputs"] = [told]
    shown, stale = ipynb.shown(committed, executed)
    assert not stale
    assert (
        ipynb.source(shown["cells"][-1])
        == '**<span data-glue="a">&lt; 0.5</span>** of <span data-glue="b">7</span>\n'
    )
    again, _ = ipynb.shown(shown, executed)
    assert again == shown


def test_refresh_refuses_outputs_of_other_code(root: Path) -> None:
    chapter = first(root)
    pretend_run(chapter)
    chapter.source.write_text(chapter.source.read_text().replace("steps * rate", "steps + rate"))
    with pytest.raises(ValueError, match="cell-0 is not what ran"):
        chapters.refresh(chapter)


def test_a_failing_chapter_is_reported_with_its_error_and_the_others_go_on(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["book"]) == 1
    said = capsys.readouterr()
    assert "01_first_steps" in said.out
    assert "ZeroDivisionError" in said.err
    assert "1 of 2 chapters failed" in said.err
    assert not chapters.chapters(root, only=["2"])[0].is_fresh()
    assert (root / "_build" / "executed" / "smoke" / "02_later.unfinished.ipynb").is_file()


def test_where_one_chapter_fails_refresh_writes_the_others_back(root: Path) -> None:
    later = root / "book" / "02_later.ipynb"
    failing = later.read_text()
    assert main(["book", "--refresh", "--no-site"]) == 1
    assert '"execution_count": 1' in first(root).source.read_text()
    assert later.read_text() == failing


def test_a_chapter_that_ends_itself_early_has_not_run(root: Path) -> None:
    source = root / "book" / "02_later.ipynb"
    source.write_text(ipynb.text(notebook("import sys\nsys.exit(0)", "'never'")))
    execution = chapters.run_one(chapters.chapters(root, only=["2"])[0])
    assert "cells never ran" in execution.error or "exit" in execution.error
    assert not execution.chapter.executed.exists()


def test_a_torn_stamp_is_no_stamp(root: Path) -> None:
    chapter = first(root)
    chapter.executed.parent.mkdir(parents=True)
    chapter.executed.write_text("{}")
    chapter.stamp.write_text('{"digest": "12')
    assert not chapter.is_fresh()


def test_what_changes_while_a_chapter_runs_makes_its_run_stale(root: Path) -> None:
    changing = "import pathlib\npathlib.Path('../lib/distillery/loop.py').write_text('x = 2')"
    (root / "book" / "01_first_steps.ipynb").write_text(ipynb.text(notebook(changing)))
    (execution,) = chapters.run_all([first(root)], force=True)
    assert execution.error == ""
    assert not first(root).is_fresh()


def test_of_two_builds_at_once_the_second_is_refused_in_one_sentence_and_the_first_is_whole(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    waits = (
        "import pathlib, time\npathlib.Path('began').touch()\n"
        "while not pathlib.Path('go').exists():\n    time.sleep(0.01)"
    )
    (root / "book" / "01_first_steps.ipynb").write_text(ipynb.text(notebook(waits)))
    only_the_first = ["book", "--chapters", "1", "--no-site"]
    building = subprocess.Popen(
        [sys.executable, "-m", "distillery", *only_the_first],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_for((root / "book" / "began").exists)
        assert main(only_the_first) == 2
        sentence = f"the book in {root} is being built by process {building.pid}; wait for it"
        assert capsys.readouterr().err == f"distillery: {sentence}, or stop it\n"
        (root / "book" / "go").touch()
        assert building.wait(180) == 0
    finally:
        building.kill()
        building.wait()
    assert first(root).is_fresh()
    assert main(only_the_first) == 0


def _stamped(chapter: chapters.Chapter, seconds: float) -> chapters.Chapter:
    chapter.stamp.parent.mkdir(parents=True, exist_ok=True)
    chapter.stamp.write_text(json.dumps({"digest": "of other code", "seconds": seconds}))
    return chapter


def test_the_time_to_expect_is_that_of_the_last_runs_two_at_a_time(root: Path) -> None:
    one, two = chapters.chapters(root)
    three = chapters.Chapter(root / "book" / "03_last.ipynb", root)
    assert chapters.expected_seconds([one]) is None
    for chapter, seconds in ((one, 30.0), (two, 50.0), (three, 10.0)):
        _stamped(chapter, seconds)
    assert chapters.expected_seconds([one, two]) == 50
    assert chapters.expected_seconds([one, two, three]) == 50
    assert chapters.expected_seconds([one, three, two]) == 60
    assert chapters.expected_seconds([]) == 0


def test_the_book_says_before_it_runs_how_long_that_will_take(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["book", "--no-site", "--chapters"]
    assert main([*arguments, "1"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "1 chapter to run: half a minute to a minute and a half on two cores"
    assert main([*arguments, "1"]) == 0
    assert capsys.readouterr().out == f"{'01_first_steps':32s} fresh\n"
    for chapter, seconds in zip(chapters.chapters(root), (30, 50), strict=True):
        _stamped(chapter, seconds)
    assert main([*arguments, "1", "2"]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "2 chapters to run, two at a time: about 50 s, if it goes as last time"


def test_the_site_builder_reports_a_failing_build(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_book.build_site(root, "smoke") == 1
    assert "the site was not built" in capsys.readouterr().err
    assert os.environ.get("DISTILLERY_BOOK_PROFILE") is None
