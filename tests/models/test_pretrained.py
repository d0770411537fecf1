from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from distillery.models import files
from distillery.models.nade import NADE, columns
from distillery.models.rbm import RBM


def student() -> NADE:
    rng = torch.Generator().manual_seed(0)
    return NADE(9, 4, rng=rng, order=columns(3, 3))


def bits() -> torch.Tensor:
    return torch.randint(2, (5, 9), generator=torch.Generator().manual_seed(1)).float()


def saved(folder: Path, **about: object) -> tuple[NADE, Path]:
    model = student()
    model.save_pretrained(folder / "small", about=about or None)
    return model, folder / "small"


def test_a_model_comes_back_from_its_folder_and_from_the_file_in_it(tmp_path: Path) -> None:
    model, folder = saved(tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
    ]
    for where in (folder, str(folder), folder / "model.safetensors"):
        found = NADE.from_pretrained(where)
        assert torch.equal(found(bits()), model(bits()))
        assert not found.training


def test_the_configuration_beside_the_weights_says_class_and_arguments(tmp_path: Path) -> None:
    _, folder = saved(tmp_path)
    assert json.loads((folder / "config.json").read_text()) == {
        "class": "NADE",
        "arguments": {"visible": 9, "hidden": 4, "order": {"columns": [3, 3]}},
    }


def test_weights_that_other_software_wrote_are_read_by_the_configuration(tmp_path: Path) -> None:
    model, folder = saved(tmp_path)
    weights = folder / "model.safetensors"
    save_file(load_file(weights), weights)  # and the header is gone
    assert torch.equal(NADE.from_pretrained(folder)(bits()), model(bits()))
    (folder / "config.json").unlink()
    with pytest.raises(
        ValueError, match=r"does not say what it holds, and there is no config\.json beside it"
    ):
        NADE.from_pretrained(folder)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("{", "is no json with a class and arguments"),
        ("[]", "is no json with a class and arguments"),
        ('{"class": "NADE"}', "is no json with a class and arguments"),
        ('{"class": "NADE", "arguments": 3}', "says class 'NADE' and arguments 3"),
        ('{"class": "RBM", "arguments": {}}', r"something else than .*, which holds a NADE\("),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(
    config: str, said: str, tmp_path: Path
) -> None:
    _, folder = saved(tmp_path)
    (folder / "config.json").write_text(config)
    with pytest.raises(ValueError, match=said):
        NADE.from_pretrained(folder)


def test_a_configuration_of_what_cannot_be_made_is_named_beside_the_weights(tmp_path: Path) -> None:
    model, folder = saved(tmp_path)
    (folder / "model.safetensors").write_bytes(files.pack(model.state_dict()))
    (folder / "config.json").write_text('{"class": "NADE", "arguments": {"visible": "six"}}')
    with pytest.raises(ValueError, match=r"model\.safetensors, as .*config\.json describes it: no"):
        NADE.from_pretrained(folder)


def test_a_model_of_another_class_is_refused(tmp_path: Path) -> None:
    _, folder = saved(tmp_path)
    with pytest.raises(TypeError, match=r"holds a NADE: RBM\.from_pretrained needs a RBM"):
        RBM.from_pretrained(folder)


def test_a_folder_without_weights_and_a_file_in_place_of_a_folder_are_refused(
    tmp_path: Path,
) -> None:
    with pytest.raises(ValueError, match=r"holds no model\.safetensors"):
        NADE.from_pretrained(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"folder is .*file, a file: a folder is needed"):
        student().save_pretrained(tmp_path / "file")


def test_the_card_says_what_was_recorded(tmp_path: Path) -> None:
    _, folder = saved(
        tmp_path, trained_on="mnist", params={"hidden": 4}, metrics={"log_prob": -88.125}
    )
    card = (folder / "README.md").read_text()
    assert "# small\n" in card
    assert "| Trained on | mnist |" in card
    assert "| Parameters | hidden 4 |" in card
    assert "| log_prob | -88.125 |" in card
    assert "from distillery.models.nade import NADE" in card


def test_what_was_said_of_a_model_goes_on_with_it(tmp_path: Path) -> None:
    _, folder = saved(tmp_path, trained_on="mnist")
    found = NADE.from_pretrained(folder)
    assert found.provenance == {"name": "small", "trained_on": "mnist"}
    found.save_pretrained(tmp_path / "again")
    assert files.contents(tmp_path / "again" / "model.safetensors").about == {"trained_on": "mnist"}
    assert NADE.from_pretrained(tmp_path / "again").provenance["name"] == "small"
    found.save_pretrained(tmp_path / "other", name="other", about={})
    assert NADE.from_pretrained(tmp_path / "other").provenance == {"name": "other"}
