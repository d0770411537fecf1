from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from distillery.models import files, table
from distillery.models.autoencoder import CategoricalAutoencoder, ContinuousAutoencoder
from distillery.models.bottleneck import BottleneckMLP
from distillery.models.files import Named
from distillery.models.lenet import LeNet
from distillery.models.logistic import MeanOfLogistics
from distillery.models.made import MADE
from distillery.models.mixture import Mixture
from distillery.models.mlp import MLP
from distillery.models.moderated import MeanOfModerated
from distillery.models.nade import NADE, columns
from distillery.models.orderless import OrderlessNADE
from distillery.models.rbm import RBM
from distillery.models.resnet import ResNet18
from distillery.models.vgg import VGG9
from distillery.models.wrn import WideResNet


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def bits(x: Tensor) -> Tensor:
    return (x > 0).float()


def mixture() -> Mixture:
    covariances = torch.eye(3, dtype=torch.float64) * torch.tensor([1.0, 2.0]).view(2, 1, 1)
    return Mixture(torch.tensor([0.25, 0.75]).double(), torch.randn(2, 3).double(), covariances)


ORDER = torch.tensor([4, 0, 5, 2, 3, 1])
Case = tuple[Callable[[], nn.Module], tuple[int, ...], Callable[[Tensor], Tensor]]
CASES: dict[str, Case] = {
    "NADE": (lambda: NADE(6, 3, rng=rng()), (6,), bits),
    "NADE by columns": (lambda: NADE(9, 3, rng=rng(), order=columns(3, 3)), (9,), bits),
    "NADE in another order": (lambda: NADE(6, 3, rng=rng(), order=ORDER), (6,), bits),
    "MADE": (lambda: MADE(6, [5, 4], rng=rng(), order=ORDER), (6,), bits),
    "OrderlessNADE": (lambda: OrderlessNADE(6, [5, 4], rng=rng(), order=ORDER), (6,), bits),
    "RBM": (lambda: RBM(6, 3, rng=rng(), scale=1.0), (6,), bits),
    "MLP": (lambda: MLP([6, 5, 4, 3], rng=rng()), (6,), torch.abs),
    "MLP of tanh": (lambda: MLP([6, 5, 3], rng=rng(), activation=nn.Tanh()), (6,), torch.abs),
    "MLP without layers between": (lambda: MLP([6, 3], rng=rng()), (6,), torch.abs),
    "LeNet": (lambda: LeNet(rng=rng(), classes=3, widths=(2, 3, 4)), (1, 28, 28), torch.abs),
    "BottleneckMLP": (
        lambda: BottleneckMLP(8, rng=rng(), classes=4, channels=1, side=6),
        (1, 6, 6),
        torch.abs,
    ),
    "VGG9": (lambda: VGG9(rng=rng(), classes=4, width=3), (3, 32, 32), torch.abs),
    "ResNet18": (lambda: ResNet18(rng=rng(), classes=4, width=2), (3, 32, 32), torch.abs),
    "WideResNet": (lambda: WideResNet(16, 2, rng=rng(), classes=4), (3, 32, 32), torch.abs),
    "CategoricalAutoencoder": (
        lambda: CategoricalAutoencoder(4, 3, rng=rng(), channels=3, size=32, width=5),
        (3, 32, 32),
        torch.sigmoid,
    ),
    "ContinuousAutoencoder": (
        lambda: ContinuousAutoencoder(2, rng=rng(), filters=3),
        (1, 28, 28),
        torch.sigmoid,
    ),
    "ContinuousAutoencoder of dense layers": (
        lambda: ContinuousAutoencoder(2, rng=rng(), dense=(7, 5)),
        (1, 28, 28),
        torch.sigmoid,
    ),
    "MeanOfLogistics": (lambda: MeanOfLogistics.at_random(4, 3, rng=rng()), (3,), torch.abs),
    "MeanOfModerated": (lambda: MeanOfModerated.at_random(4, 3, rng=rng()), (3,), torch.abs),
    "Mixture": (mixture, (3,), torch.abs),
}


def write(path: Path, *models: Named, **about: object) -> Path:
    path.write_bytes(files.packed(models, about))
    return path


def altered(path: Path, **changes: object) -> Path:
    """The file with other metadata; None takes one away."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    for name, value in changes.items():
        if value is None:
            del header["__metadata__"][name]
        else:
            header["__metadata__"][name] = value if isinstance(value, str) else json.dumps(value)
    encoded = json.dumps(header).encode()
    path.write_bytes(len(encoded).to_bytes(8, "little") + encoded + content[start:])
    return path


def nade(path: Path) -> Path:
    return write(path / "it.safetensors", Named("small", NADE(6, 3, rng=rng())))


def claiming(path: Path, kind: str = "NADE", **arguments: object) -> Path:
    facts = {"name": "small", "class": kind, "arguments": arguments, "prefix": ""}
    return altered(nade(path), models=[facts])


def test_every_class_of_the_table_is_tried_here() -> None:
    assert {name.split()[0] for name in CASES} == set(table.HOMES)


@pytest.mark.parametrize("case", CASES)
def test_a_model_comes_back_from_its_file_bit_for_bit(case: str, tmp_path: Path) -> None:
    make, shape, prepare = CASES[case]
    model = make()
    if case == "WideResNet":
        model(torch.randn(4, *shape, generator=rng(2)))  # moves what is averaged
    found = files.load(write(tmp_path / "it.safetensors", Named("it", model.eval())))
    x = prepare(torch.randn(5, *shape, generator=rng(1)))
    assert type(found) is type(model)
    assert not found.training
    assert torch.equal(found(x), model(x))


@pytest.mark.parametrize("case", CASES)
def test_what_follows_from_the_arguments_is_not_stored_and_is_the_same_again(
    case: str, tmp_path: Path
) -> None:
    model = CASES[case][0]()
    state = files.load(write(tmp_path / "it.safetensors", Named("it", model))).state_dict()
    for name, value in model.state_dict().items():
        assert name.endswith("_extra_state") or torch.equal(state[name], value), name


def test_a_name_chooses_among_several_models_and_is_needed_where_there_are_several(
    tmp_path: Path,
) -> None:
    models = [Named(f"nade-{n}", NADE(6, n, rng=rng(n)), f"{n}.") for n in (2, 3)]
    path = write(tmp_path / "it.safetensors", *models)
    assert files.load(path, "nade-3").hidden == 3
    assert {name: model.hidden for name, model in files.load_all(path).items()} == {
        "nade-2": 2,
        "nade-3": 3,
    }
    with pytest.raises(
        ValueError, match=r"holds 2 models: say which by name=, one of nade-2, nade"
    ):
        files.load(path)
    with pytest.raises(ValueError, match=r"unknown model 'nade-4'; did you mean 'nade-3'\?"):
        files.load(path, "nade-4")


def test_half_precision_is_kept_where_it_loses_nothing_and_only_there(tmp_path: Path) -> None:
    exact, other = (NADE(6, 3, rng=rng()) for _ in range(2))
    exact.half().float()
    for model, dtype in ((exact, torch.float16), (other, torch.float32)):
        path = write(tmp_path / "it.safetensors", Named("it", model))
        stored = files.tensors_in(path.read_bytes(), "it")
        assert {value.dtype for value in stored.values()} == {dtype}
        found = files.load(path)
        assert {value.dtype for value in found.parameters()} == {torch.float32}
        assert all(torch.equal(found.get_parameter(n), p) for n, p in model.named_parameters())


def test_double_precision_stays_double(tmp_path: Path) -> None:
    found = files.load(write(tmp_path / "it.safetensors", Named("it", mixture())))
    assert {value.dtype for value in found.parameters()} == {torch.float64}


def test_the_header_says_what_is_known_of_the_training_and_the_model_carries_it(
    tmp_path: Path,
) -> None:
    path = write(
        tmp_path / "it.safetensors",
        Named("it", NADE(9, 3, rng=rng(), order=columns(3, 3))),
        trained_on="digits",
        metrics={"test": 0.5},
    )
    found = files.contents(path)
    assert dict(found.models["it"].arguments) == {
        "visible": 9,
        "hidden": 3,
        "order": {"columns": [3, 3]},
    }
    assert files.load(path).provenance == {
        "name": "it",
        "trained_on": "digits",
        "metrics": {"test": 0.5},
    }


def test_equal_models_are_equal_bytes_and_the_checksum_is_that_of_the_tensors_alone(
    tmp_path: Path,
) -> None:
    one, two = (files.packed([Named("it", NADE(6, 3, rng=rng()))]) for _ in range(2))
    told = files.retitled(one, {"trained_on": "digits"})
    assert one == two
    assert one != told
    assert files.checksum(one, "it") == files.checksum(told, "it")


def test_models_whose_tensors_would_share_a_name_are_refused() -> None:
    small = NADE(6, 3, rng=rng())
    with pytest.raises(ValueError, match=r"tensor 'U' belongs to model 'b' and to another"):
        files.packed([Named("a", small), Named("b", small)])
    with pytest.raises(ValueError, match=r"models are called a, a: each needs a name of its own"):
        files.packed([Named("a", small, "1."), Named("a", small, "2.")])


def test_a_class_that_is_not_the_librarys_own_is_neither_written_nor_made(tmp_path: Path) -> None:
    class NADE(nn.Linear):
        """Called like one of ours."""

    for strange in (nn.Linear(2, 1), NADE(2, 1)):
        with pytest.raises(TypeError, match=r"model is a \w+: files hold the library's own"):
            files.packed([Named("it", strange)])
    with pytest.raises(
        ValueError, match=r"it\.safetensors, model 'small': unknown class of model 'os\.system'"
    ):
        files.load(claiming(tmp_path, "os.system", command="true"))


def test_an_activation_that_a_file_cannot_name_is_refused() -> None:
    with pytest.raises(ValueError, match=r"activation is LeakyReLU: a file can name ReLU, Tanh"):
        MLP([2, 2, 1], rng=rng(), activation=nn.LeakyReLU(0.5)).arguments()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"visible": 6, "hidden": 3, "depth": 2}, "depth"),
        ({"visible": 6}, "hidden"),
        ({"visible": "six", "hidden": 3}, r"visible is 'six': a whole number"),
        ({"visible": 6, "hidden": -3}, r"hidden is -3: a whole number of at least 1"),
        ({"visible": 6, "hidden": 3, "order": [0, 0, 1, 2, 3, 4]}, "is no permutation"),
        ({"visible": 6, "hidden": 3, "order": "columns"}, "order is 'columns': a list of pixels"),
        ({"visible": 6, "hidden": 3, "order": {"columns": [6]}}, "not enough values"),
    ],
)
def test_arguments_that_make_no_model_are_refused_in_a_sentence(
    arguments: dict[str, object], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=rf"model 'small': no NADE\(.*\) can be made: .*{said}"):
        files.load(claiming(tmp_path, **arguments))


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("NADE", {"visible": 10**9, "hidden": 10**9}),
        ("NADE", {"visible": 10**30, "hidden": 3}),
        ("NADE", {"visible": 10**6, "hidden": 10**6}),
        ("NADE", {"visible": 6, "hidden": 3, "order": {"columns": [10**6, 10**6]}}),
        ("MADE", {"visible": 10**5, "hidden": [10**5]}),
        ("OrderlessNADE", {"visible": 10**6, "hidden": [10**6]}),
        ("RBM", {"visible": 10**6, "hidden": 10**6}),
        ("MLP", {"widths": [10**6, 10**6]}),
        ("MLP", {"widths": [1] * 1_000_000}),
        ("LeNet", {"widths": [10**6, 10**6, 10]}),
        ("WideResNet", {"depth": 6 * 10**8 + 4, "width": 1}),
        ("CategoricalAutoencoder", {"variables": 10**9, "values": 4}),
        ("CategoricalAutoencoder", {"variables": 4, "values": 2, "width": 10**9}),
        ("ContinuousAutoencoder", {"latents": 10**9}),
        ("ContinuousAutoencoder", {"latents": 1, "dense": [10**9]}),
        ("MeanOfLogistics", {"units": 10**6, "inputs": 10**6}),
        ("MeanOfModerated", {"units": 10, "inputs": 10**6}),
        ("Mixture", {"components": 10, "dimension": 10**6}),
    ],
)
def test_a_claim_of_more_numbers_than_the_file_holds_is_refused_before_memory_is_taken(
    kind: str, arguments: dict[str, object], tmp_path: Path
) -> None:
    with pytest.raises(
        ValueError, match=r"can be made: they ask for more than the 45 numbers that there are$"
    ):
        files.load(claiming(tmp_path, kind, **arguments))


def test_tensors_that_do_not_fit_are_named_with_both_shapes(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError,
        match=(
            r"do not fit a NADE\(visible=6, hidden=2\): U is \(6, 3\) in the file, \(6, 2\) in the"
            r" model"
        ),
    ):
        files.load(claiming(tmp_path, visible=6, hidden=2))
    with pytest.raises(
        ValueError, match=r"RBM\(.*: U is \(6, 3\) in the file, missing in the model"
    ):
        files.load(claiming(tmp_path, "RBM", visible=6, hidden=3))
    with pytest.raises(ValueError, match=r"fit a MeanOfLogistics\(.*: U is \(6, 3\) in the file"):
        files.load(claiming(tmp_path, "MeanOfLogistics", units=1, inputs=1))


def test_a_sentence_about_many_numbers_stays_short(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no permutation") as refused:
        files.load(claiming(tmp_path, visible=6, hidden=3, order=[0] * 10_000))
    assert len(str(refused.value)) < 400 + len(str(tmp_path))


def test_a_tensor_that_belongs_to_no_model_is_refused(tmp_path: Path) -> None:
    facts = {"name": "a", "class": "NADE", "arguments": {}, "prefix": "other."}
    with pytest.raises(ValueError, match=r"holds tensor 'U', which belongs to none of its models"):
        files.load(altered(nade(tmp_path), models=[facts]))


def test_a_file_whose_tensors_were_altered_is_refused(tmp_path: Path) -> None:
    path = nade(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ValueError, match=r"was altered: its checksum is not that of its tensors"):
        files.load(path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": None}, "is no file of models: its header does not say 'distillery models'"),
        ({"format": "distillery recollections"}, "is no file of models"),
        ({"version": "2"}, "has format version '2': this release reads version 1"),
        ({"models": None}, "'models' is no json"),
        ({"models": "[{]"}, "'models' is no json"),
        ({"models": {"a": 1}}, "'models' is {'a': 1}: a list is needed"),
        ({"models": []}, r"names the models \[\]: one or more"),
        ({"models": ["small"]}, "lists 'small': a name, a class, arguments and a prefix"),
        ({"models": [{"name": "a", "class": 3, "arguments": {}, "prefix": ""}]}, "lists {'name'"),
        ({"models": "[" * 100_000}, "'models' is no json"),
        ({"about": "[1]"}, r"'about' is \[1\]: a dict is needed"),
    ],
)
def test_a_header_that_does_not_say_what_it_should_is_refused(
    changes: dict[str, object], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=said):
        files.load(altered(nade(tmp_path), **changes))


@pytest.mark.parametrize("left", [0, 4, 8, 60, -1])
def test_a_file_that_was_cut_short_is_refused(left: int, tmp_path: Path) -> None:
    path = nade(tmp_path)
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(ValueError, match=r"cannot be read as a file of models: it was cut short"):
        files.load(path)


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04" + bytes(100),
        (2**63).to_bytes(8, "little") + b"{}",
        (10**9).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (4).to_bytes(8, "little") + b"\xff\xfe\xfd\xfc",
        (22).to_bytes(8, "little") + b'{"__metadata__": "no"}',
    ],
)
def test_a_foreign_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "it.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"it\.safetensors cannot be read as a file of models"):
        files.load(path)


def test_a_tensor_that_claims_more_than_the_file_holds_is_refused(tmp_path: Path) -> None:
    path = nade(tmp_path)
    content = path.read_bytes()
    assert content.count(b'"shape":[6,3]') == 2
    path.write_bytes(content.replace(b'"shape":[6,3]', b'"shape":[9,9]'))
    with pytest.raises(ValueError, match=r"cannot be read as a file of models"):
        files.load(path)


def test_what_is_not_there_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nowhere is not there: a file is needed"):
        files.load(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"is a folder: a file is needed"):
        files.load(tmp_path)


def test_a_type_of_number_that_nobody_knows_is_refused_in_one_line(tmp_path: Path) -> None:
    path = nade(tmp_path)
    path.write_bytes(path.read_bytes().replace(b'"F32"', b'"\xe2\x80\xa8"', 1))
    with pytest.raises(ValueError, match="cannot be read as a file of models") as refused:
        files.load(path)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"version": "9" * 9000},
        {"models": [{"name": "a" * 9000}]},
        {"models": [{"name": "a" * 9000, "class": "NADE", "arguments": {}, "prefix": ""}] * 2},
    ],
)
def test_a_header_of_many_letters_is_refused_in_few(
    changes: dict[str, object], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"it\.safetensors") as refused:
        files.load(altered(nade(tmp_path), **changes))
    assert len(str(refused.value)) < 1000


def test_an_argument_whose_name_breaks_lines_is_refused_in_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no NADE\(a b=3\) can be made") as refused:
        files.load(claiming(tmp_path, **{"a\nb": 3}))
    assert len(str(refused.value).splitlines()) == 1
