from __future__ import annotations

import pytest
import torch

from distillery.support import settings


def _hardware(
    monkeypatch,
    *,
    cuda: bool = False,
    amx: bool = False,
    devices: int = 1,
    capability: tuple[int, int] = (9, 0),
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: devices if cuda else 0)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: capability)
    monkeypatch.setattr(settings, "_cpu_flags", lambda: {"amx_bf16"} if amx else {"avx2"})


def test_auto_takes_bfloat16_where_the_cpu_multiplies_it_natively(monkeypatch):
    _hardware(monkeypatch, amx=True)
    found = settings.resolve()
    assert (found.device.type, found.dtype, found.precision) == ("cpu", torch.bfloat16, "bfloat16")
    _hardware(monkeypatch)
    assert (settings.resolve().dtype, settings.resolve().precision) == (None, "float32")


def test_auto_takes_a_gpu_where_there_is_one_and_bfloat16_from_ampere_on(monkeypatch):
    _hardware(monkeypatch, cuda=True)
    assert (settings.resolve().device.type, settings.resolve().dtype) == ("cuda", torch.bfloat16)
    _hardware(monkeypatch, cuda=True, capability=(7, 5), amx=True)
    assert settings.resolve().dtype is None


def test_smoke_is_float32_on_the_cpu_unless_told_otherwise(monkeypatch):
    _hardware(monkeypatch, cuda=True, amx=True)
    assert settings.resolve(portable=True) == settings.Settings(torch.device("cpu"), None)
    assert settings.resolve("cuda", "bfloat16", portable=True) == settings.Settings(
        torch.device("cuda"), torch.bfloat16
    )


def test_a_precision_that_is_asked_for_is_taken_whatever_the_hardware(monkeypatch):
    _hardware(monkeypatch)
    assert settings.resolve(precision="bfloat16").dtype is torch.bfloat16
    _hardware(monkeypatch, amx=True)
    assert settings.resolve(precision="float32").dtype is None


def test_cuda_without_cuda_is_one_sentence(monkeypatch):
    _hardware(monkeypatch)
    with pytest.raises(
        ValueError,
        match=(
            r"^device 'cuda:1' was asked for, but this torch .* finds no CUDA device; use cpu or"
            r" auto$"
        ),
    ):
        settings.resolve("cuda:1")


def test_a_gpu_beyond_the_last_is_refused_with_their_number(monkeypatch):
    _hardware(monkeypatch, cuda=True, devices=2)
    assert settings.resolve("cuda:1").device.index == 1
    with pytest.raises(ValueError, match="'cuda:2' was asked for, but there are 2"):
        settings.resolve("cuda:2")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"device": "cdua"},
            r"unknown device 'cdua'; did you mean 'cuda'\? device can be: auto, cpu, cuda, cuda:N",
        ),
        (
            {"precision": "bfloat61"},
            (
                r"unknown precision 'bfloat61'; did you mean 'bfloat16'\? precision can be: auto,"
                r" float32, bfloat16"
            ),
        ),
    ],
)
def test_an_unknown_setting_is_refused_with_the_nearest_name(given, sentence):
    with pytest.raises(ValueError, match=sentence):
        settings.resolve(**given)


def test_the_flags_of_the_cpu_are_read_word_by_word(tmp_path):
    (tmp_path / "cpuinfo").write_text("processor : 0\nflags : fpu amx_bf16 sse\nbugs : none\n")
    assert "amx_bf16" in settings._cpu_flags(tmp_path / "cpuinfo")
    assert settings._cpu_flags(tmp_path / "absent") == set()


def test_the_cores_are_those_this_process_may_use():
    assert settings.cores() >= 1
