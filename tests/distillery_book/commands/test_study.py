from __future__ import annotations

import json
import sys
import warnings

import pytest
import torch

from distillery.commands.main import main
from distillery_book.commands import study as command_study
from distillery_book.results import records
from distillery_book.running import claims, local_workers
from tiny_studies import FAST, inline


@pytest.fixture
def study(tmp_path, monkeypatch, capfd):
    """`study(name, ...)` runs the command with workers in this process: exit code, stdout, stderr;
    `calls` is what workers were asked.
    """
    calls: list[dict] = []

    def workers(jobs, on_progress, **given):
        calls.append({**given, "jobs": jobs})
        return inline(jobs, on_progress)

    monkeypatch.setattr(local_workers, "run", workers)

    def run(name: str, *arguments: str) -> tuple[int, str, str]:
        code = main(
            ["study", f"tiny_studies:{name}", "--results", str(tmp_path / "results"), *arguments]
        )
        return code, *capfd.readouterr()

    run.calls, run.results = calls, tmp_path / "results"
    return run


def test_a_study_is_run_and_then_nothing_is_left_to_do(study):
    code, out, err = study("FAST")
    assert (code, out) == (
        0,
        f"fast: 4 cells run, 0 recorded before, 0 failed; {study.results}/fast.jsonl\n",
    )
    assert err.startswith("[1/4] pause=0.0 width=1.0 seed=0 data=none: at=")
    before = (study.results / "fast.jsonl").read_bytes()
    code, out, err = study("FAST")
    assert (code, out, err) == (
        0,
        f"fast: 0 cells run, 4 recorded before, 0 failed; {study.results}/fast.jsonl\n",
        "",
    )
    assert (study.results / "fast.jsonl").read_bytes() == before


def test_a_failing_cell_is_exit_code_one_and_is_tried_again_by_the_next_call(study):
    code, out, err = study("FAIL")
    assert (code, "2 cells run, 0 recorded before, 3 failed" in out) == (1, True)
    assert err.count("FAILED") == 3
    code, out, _ = study("FAIL")
    assert (code, "0 cells run, 2 recorded before, 3 failed" in out) == (1, True)


def test_cells_that_wait_for_recorded_weights_are_named_in_one_sentence_and_the_others_run(study):
    sentence = (
        "distillery: 1 of 2 cells wait: weights 'curve' are not recorded yet; no study of the book"
        " makes 'curve'\n"
    )
    code, out, err = study("USE")
    assert (code, err.endswith(sentence)) == (1, True)
    assert out.startswith("use: 1 cells run, 0 recorded before, 0 failed")
    study("TENSORS")
    code, out, err = study("USE")
    assert (
        code,
        out.startswith("use: 1 cells run, 1 recorded before, 0 failed"),
        "wait" in err,
    ) == (0, True, False)


def test_only_and_seeds_choose_what_is_run_and_add_up(study):
    assert study("FAST", "--only", "width=2", "--seeds", "1")[0] == 0
    assert [(one.params["width"], one.seed) for one in records.read("fast", study.results)] == [
        (2.0, 1)
    ]
    assert (
        "3 cells run, 1 recorded before"
        in study("FAST", "--only", "width=1", "width=2.0", "pause=0", "--seeds", "0,1")[1]
    )


def test_smoke_is_one_thread_and_other_profiles_share_the_cores(study, monkeypatch):
    monkeypatch.setattr(command_study.settings, "cores", lambda: 8)
    monkeypatch.setattr(torch, "set_num_threads", lambda number: None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    study("FAST", "--profile", "smoke", "--workers", "2", "--only", "width=1", "--seeds", "0")
    study("FAST", "--profile", "laptop", "--workers", "2", "--only", "width=1")
    study("FAST", "--profile", "laptop")
    assert [(call["workers"], call["threads"]) for call in study.calls] == [(2, 1), (2, 4), (8, 1)]
    assert [call["jobs"][0].how.threads for call in study.calls] == [1, 4, 1]


def test_with_no_workers_the_cells_run_in_the_process_of_the_command(study):
    code, out, _ = study("FAST", "--workers", "0")
    assert (code, "4 cells run, 0 recorded before, 0 failed" in out) == (0, True)
    assert study.calls == []  # of processes
    alone = [run.metrics for run in records.read("fast", study.results)]
    (study.results / "fast.jsonl").unlink()
    study("FAST")
    assert [run.metrics for run in records.read("fast", study.results)] == alone


def test_a_gpu_has_one_worker_unless_more_are_asked_for(study, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: (9, 0))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(command_study.settings, "cores", lambda: 8)
    for more in ([], ["--workers", "3"]):
        study("FAST", "--device", "cuda", *more)
    assert [call["workers"] for call in study.calls] == [1, 3]
    assert study.calls[0]["jobs"][0].how.device == "cuda"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--cell", "0"], "--cell is 0; the cells of tiny_studies:FAST at profile smoke are"),
        (["--cell", "5"], "--cell is 5; the cells of tiny_studies:FAST at profile smoke are"),
        (["--cell", "1", "--seeds", "0"], "--cell names one cell; leave --only and --seeds out"),
        (["--list", "--only", "width=7"], "no cell has width=7; it takes 1.0, 2.0"),
        (["--scheduler", ""], "--scheduler is ''; the address of a Dask scheduler, such as tcp://"),
        (["--scheduler", " "], "--scheduler is ' '; the address of a Dask scheduler, such as"),
        (["--workers", "-2"], "--workers is -2; 1 or more are needed, or 0 for this process"),
        (
            ["--profile", "papre"],
            "unknown profile 'papre'; did you mean 'paper'? profile can be: smoke, laptop, paper",
        ),
        (["--device", "gpu"], "unknown device 'gpu'; "),
        (["--precision", "float23"], "unknown precision 'float23'; did you mean 'float32'?"),
        (
            ["--only", "widht=1"],
            (
                "unknown key of --only 'widht'; did you mean 'width'? key of --only can be: data,"
                " pause, width"
            ),
        ),
        (["--only", "width"], "--only is 'width'; KEY=VALUE is needed"),
        (["--only", "width=7"], "no cell has width=7; it takes 1.0, 2.0"),
        (["--seeds", "zero"], "--seeds is 'zero'; whole numbers such as 0,1,2 are needed"),
        (["--seeds", "9"], "no cell has seed 9; the seeds are 0, 1"),
        (["--results", "/proc/self"], "results folder /proc/self cannot be written"),
    ],
)
def test_bad_input_is_refused_in_one_sentence_before_anything_runs(study, arguments, sentence):
    code, out, err = study("FAST", *arguments)
    assert (code, out, err.count("\n"), study.calls) == (2, "", 1, [])
    assert err.startswith(f"distillery: {sentence}")


def test_a_precision_against_the_studys_own_is_refused_and_its_own_is_not(study):
    code, _, err = study("EXACT", "--precision", "bfloat16")
    assert (code, err) == (
        2,
        (
            "distillery: --precision is bfloat16, but study 'exact' computes in float64; leave it"
            " out\n"
        ),
    )
    assert study("EXACT")[0] == 0
    assert {one.precision for one in records.read("exact", study.results)} == {"float64"}


def test_cuda_without_cuda_is_one_sentence(study, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    code, _, err = study("FAST", "--device", "cuda")
    assert (code, err.count("\n")) == (2, 1)
    assert "finds no CUDA device" in err


def test_an_unknown_study_lists_what_exists(capfd):
    assert main(["study", "no_such_study"]) == 2
    assert capfd.readouterr().err.startswith("distillery: unknown study 'no_such_study'; ")


@pytest.mark.parametrize("name", ["../x:Y", "x/y:Y", ".x:Y", "x y:Z", ":NAME", "module:"])
def test_what_names_no_module_and_attribute_is_refused_in_one_sentence(capfd, name):
    assert main(["study", name]) == 2
    sentence = "a name of the book, or package.module:ATTRIBUTE, is needed"
    assert capfd.readouterr().err == f"distillery: the study is {name!r}: {sentence}\n"


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import zz_absent", "ModuleNotFoundError: No module named 'zz_absent'"),
        ("width = 1 / 0", "ZeroDivisionError: division by zero"),
        ("raise ValueError('widths differ')", "ValueError: widths differ"),
        ("def", "SyntaxError: invalid syntax (zz_mine.py, line 1)"),
        ("import sys; sys.exit('early')", "SystemExit: early"),
    ],
)
def test_a_module_that_fails_on_import_is_one_sentence_with_its_own_error(
    tmp_path, monkeypatch, capfd, code, error
):
    (tmp_path / "zz_mine.py").write_text(f"{code}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert main(["study", "zz_mine:STUDY"]) == 2
    sentence = "module 'zz_mine' of study 'zz_mine:STUDY' fails when it is imported: "
    assert capfd.readouterr().err == f"distillery: {sentence}{error}\n"


def test_a_module_that_does_not_exist_is_not_said_to_fail(capfd):
    assert main(["study", "zz_nowhere.studies:STUDY"]) == 2
    assert "no module 'zz_nowhere" in capfd.readouterr().err


def test_a_study_of_the_book_that_lacks_a_package_says_which(monkeypatch, capfd):
    def find(name):
        raise ModuleNotFoundError("No module named 'torchvision'")

    monkeypatch.setattr(command_study.registry, "find", find)
    assert main(["study", "compression"]) == 2
    sentence = "study 'compression' fails when it is imported: No module named 'torchvision'"
    assert capfd.readouterr().err == f"distillery: {sentence}\n"


def test_more_workers_than_cores_are_as_many_as_the_cores_and_that_is_said(study, monkeypatch):
    monkeypatch.setattr(command_study.settings, "cores", lambda: 2)
    _, _, err = study("FAST", "--workers", "1000")
    assert study.calls[0]["workers"] == 2
    sentence = "--workers is 1000; there are 2 cores, so 2 workers run"
    assert err.startswith(f"distillery: {sentence}\n")
    assert "workers run" not in study("FAST", "--workers", "2")[2]


def test_the_list_numbers_the_cells_and_says_which_are_recorded(study):
    study("FAST", "--only", "width=2", "--seeds", "0")
    code, out, err = study("FAST", "--list")
    assert (code, err, len(study.calls)) == (0, "", 1)
    assert out.splitlines() == [
        "1 missing  pause=0.0 width=1.0 seed=0 data=none",
        "2 missing  pause=0.0 width=1.0 seed=1 data=none",
        "3 recorded pause=0.0 width=2.0 seed=0 data=none",
        "4 missing  pause=0.0 width=2.0 seed=1 data=none",
    ]
    assert study("FAST", "--list", "--seeds", "1")[1].splitlines() == [
        "2 missing  pause=0.0 width=1.0 seed=1 data=none",
        "4 missing  pause=0.0 width=2.0 seed=1 data=none",
    ]


def test_a_cell_by_its_number_is_run_alone_and_recorded_as_when_the_whole_study_runs(study):
    code, out, _ = study("FAST", "--cell", "3")
    assert (code, out.startswith("fast: 1 cells run, 0 recorded before, 0 failed")) == (0, True)
    assert study("FAST", "--cell", "3")[1].startswith("fast: 0 cells run, 1 recorded before")
    path = study.results / "fast.jsonl"
    (alone,) = path.read_text().splitlines()
    path.unlink()
    study("FAST")
    third = path.read_text().splitlines()[2]
    assert json.loads(third)["params"]["width"] == 2
    assert _found(alone) == _found(third)


def test_a_cell_has_the_threads_that_it_has_in_the_whole_study(study, monkeypatch):
    monkeypatch.setattr(command_study.settings, "cores", lambda: 8)
    monkeypatch.setattr(torch, "set_num_threads", lambda number: None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for how in ([], ["--workers", "2"]):
        study("FAST", "--profile", "laptop", "--cell", "1", *how)
        study("FAST", "--profile", "laptop", *how)
        (study.results / "fast.jsonl").unlink()
    assert [call["threads"] for call in study.calls] == [1, 1, 4, 4]


def test_a_cell_that_waits_for_weights_says_what_it_waits_for(study):
    assert study("USE", "--list")[1].splitlines() == [
        "1 waiting  needs=True seed=0 data=weights:curve",
        "2 missing  needs=False seed=0 data=none",
    ]
    code, out, err = study("USE", "--cell", "1")
    assert (code, out.startswith("use: 0 cells run")) == (1, True)
    assert "1 of 1 cells wait: weights 'curve' are not recorded yet" in err


def test_a_cell_that_another_process_runs_is_refused_and_other_cells_are_not(study):
    third = FAST.cells("smoke")[2]
    with claims.single(FAST, third, study.results):
        code, _, err = study("FAST", "--cell", "3")
        assert (code, err.count("\n")) == (2, 1)
        assert "cell pause=0.0 width=2.0 seed=0 data=none of study 'fast' is being run" in err
        assert study("FAST", "--cell", "2")[0] == 0
        code, _, err = study("FAST")
        assert (code, "a cell of study 'fast' is being run" in err) == (2, True)


def test_workers_and_a_scheduler_exclude_each_other(capfd):
    with pytest.raises(SystemExit):
        main(["study", "any", "--workers", "2", "--scheduler", "tcp://127.0.0.1:1"])
    assert "not allowed with argument --workers" in capfd.readouterr().err


def test_a_second_invocation_of_the_same_study_is_refused_in_one_sentence(study):
    study("FAST", "--seeds", "0")
    with claims.whole(FAST, study.results):
        code, _, err = study("FAST")
    assert (code, err.count("\n")) == (2, 1)
    assert "study 'fast' is being run" in err


def test_a_broken_record_stops_the_study_and_a_torn_one_is_run_again(study):
    study("FAST")
    path = study.results / "fast.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], "{broken\n", *lines[2:]]))
    code, _, err = study("FAST")
    assert (code, "fast.jsonl, line 2: " in err) == (2, True)
    path.write_text("".join(lines)[:-20])
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        code, out, err = study("FAST")
    assert (code, "1 cells run, 3 recorded before" in out, err.count("distillery: warning: ")) == (
        0,
        True,
        1,
    )
    assert [_found(line) for line in path.read_text().splitlines()] == [
        _found(line) for line in lines
    ]


def _found(line: str) -> dict:
    return {
        key: value
        for key, value in json.loads(line).items()
        if key not in ("finished", "seconds", "peak_memory_mb")
    }


def test_an_interrupt_keeps_what_is_recorded_and_says_how_to_go_on(study, monkeypatch):
    def workers(jobs, on_progress, **_):
        yield from inline(jobs[:1], on_progress)
        raise KeyboardInterrupt

    monkeypatch.setattr(local_workers, "run", workers)
    code, _, err = study("FAST")
    assert (code, err.splitlines()[-1]) == (
        130,
        "distillery: interrupted; what is recorded stays, and the same command continues",
    )
    assert len(records.read("fast", study.results)) == 1


def test_a_scheduler_gets_the_address_and_leaves_threads_to_its_workers(study, monkeypatch):
    from distillery_book.running import dask_workers

    asked: list[tuple] = []
    monkeypatch.setattr(
        dask_workers,
        "run",
        lambda jobs, progress, *, address: (
            asked.append((address, jobs[0].how.threads)) or (one for one in ())
        ),
    )
    assert study("FAST", "--scheduler", "tcp://1.2.3.4:8786", "--device", "cuda")[0] == 0
    assert asked == [("tcp://1.2.3.4:8786", 0)]
