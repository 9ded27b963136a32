"""Compiled training is training: the same numbers but for rounding, resumed to the same bits, refused with a reason."""

import pytest
import torch

from models.errors import InvalidSpec
from models.spec import parse
from tests.worker.training.families import FAMILIES
from tests.worker.training.material import CPU, Recording, train_on
from worker.training import Order, TrainingError, compiling

#: What PyTorch warns itself of when it compiles.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*torch.jit.script_method:DeprecationWarning"),
]


def training(*, compile, **rest):  # noqa: A002  the spec's word
    return {"training": {"epochs": 2, "batch_size": 32, "compile": compile, **rest}}


MLP = {"network": {"type": "mlp", "hidden": [8], "dropout": 0.1}, "evaluation": {"baselines": False}}


@pytest.fixture
def graphs(monkeypatch):
    """The graphs that were compiled, each run as it was recorded: what makes kernels takes half a minute."""
    found = []

    def remember(graph, _inputs):
        found.append(graph)
        return graph.forward

    monkeypatch.setattr(compiling, "BACKEND", remember)
    torch.compiler.reset()
    yield found
    torch.compiler.reset()


def test_a_network_is_compiled_once_for_each_size_of_batch(graphs, tmp_path):
    told = Recording()
    result = train_on("flowers", tmp_path, callbacks=[told], **MLP, **training(compile=True))
    rest = told.facts["rows"]["train"] % 32
    assert rest > 1
    assert len(graphs) == 2
    assert told.resolved.training.compile is True
    assert result.result["weights_sha256"]


@pytest.mark.parametrize("asked", ["auto", False])
def test_nothing_is_compiled_by_default_or_where_it_is_switched_off(asked, graphs, tmp_path):
    told = Recording()
    train_on("flowers", tmp_path, callbacks=[told], **MLP, **training(compile=asked))
    assert graphs == []
    assert told.resolved.training.compile is False


@pytest.mark.parametrize("family", ["mlp", "cnn", "lstm"])
def test_a_compiled_run_that_is_interrupted_ends_with_the_same_bits(family, graphs, tmp_path):
    name, sections = FAMILIES[family]
    sections = {**sections, **training(compile=True), "evaluation": {"baselines": False}}
    whole = train_on(name, tmp_path / "whole", **sections)
    cut = whole.step // 2
    train_on(name, tmp_path / "part", callbacks=[Recording(order=Order.DRAIN, at=cut)], **sections)
    torch.compiler.reset()
    rest = train_on(name, tmp_path / "rest", resume=tmp_path / "part" / str(cut), **sections)
    assert graphs
    assert rest.result["weights_sha256"] == whole.result["weights_sha256"]


def test_a_checkpoint_of_a_compiled_run_is_not_gone_on_from_without(graphs, tmp_path):
    train_on(
        "flowers", tmp_path / "part", callbacks=[Recording(order=Order.DRAIN, at=2)], **MLP, **training(compile=True)
    )
    told = Recording()
    plain = {**MLP, **training(compile=False)}
    train_on("flowers", tmp_path / "rest", callbacks=[told], resume=tmp_path / "part" / "2", **plain)
    assert ("checkpoint_damaged", "checkpoint 2 is of another spec") in told.warnings
    assert len(graphs) == 1


def test_without_a_compiler_the_reason_says_so(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(TrainingError, match=r"C\+\+ compiler") as caught:
        compiling.chosen(True, CPU)
    assert (caught.value.code, caught.value.param) == ("no_compiler", "#/training/compile")
    assert compiling.chosen("auto", CPU) is False
    assert compiling.chosen(True, torch.device("cuda")) is True


def test_a_network_that_cannot_be_compiled_is_told_so(monkeypatch, tmp_path):
    def broken(_graph, _inputs):
        raise ValueError("no such kernel")

    monkeypatch.setattr(compiling, "BACKEND", broken)
    torch.compiler.reset()
    with pytest.raises(TrainingError, match="no such kernel") as caught:
        train_on("flowers", tmp_path, **MLP, **training(compile=True))
    assert caught.value.code == "not_compiled"


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_anything_but_yes_no_and_auto_is_refused(value):
    with pytest.raises(InvalidSpec) as caught:
        parse({"data": {"dataset": "iris"}, **training(compile=value)})
    assert all(error.pointer.startswith("#/training/compile") for error in caught.value.errors)


@pytest.mark.nightly
def test_kernels_compute_what_the_network_does(tmp_path):
    plain, fast = Recording(), Recording()
    train_on("flowers", tmp_path / "plain", callbacks=[plain], **MLP, **training(compile=False))
    train_on("flowers", tmp_path / "fast", callbacks=[fast], **MLP, **training(compile=True))
    for (_, slow_loss), (_, fast_loss) in zip(plain.metrics["train/loss"], fast.metrics["train/loss"], strict=True):
        assert fast_loss == pytest.approx(slow_loss, rel=1e-4)
