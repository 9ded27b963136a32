"""Histograms: right against NumPy's, where they are due, and without a trace in the run."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.worker.training.material import Recording, session_for, train_on
from worker.training import Order
from worker.training.histograms import (
    MOST_IN_A_RUN,
    NUM_BINS,
    Observer,
    _binned,
    _sorted,
    distribution,
    distributions,
)


def test_a_distribution_is_the_one_that_numpy_finds():
    values = torch.randn(37, 53, generator=torch.Generator().manual_seed(0))
    found = distribution(values).numpy()
    numbers = values.numpy().ravel().astype(np.float64)
    np.testing.assert_allclose(found[:5], [numbers.min(), numbers.max(), 1961, numbers.sum(), (numbers**2).sum()])
    counts, _ = np.histogram(numbers, bins=NUM_BINS)
    assert found[5:].sum() == 1961
    assert np.abs(found[5:] - counts).sum() <= 2  # an entry on an edge may round to either side


def test_every_entry_counts_in_its_bin_the_last_of_which_holds_the_maximum():
    counts = distribution(torch.arange(65.0)).numpy()[5:]
    assert counts.tolist() == [1.0] * 63 + [2.0]


def test_the_way_without_reading_the_bounds_counts_the_same():
    values = torch.randn(5000, generator=torch.Generator().manual_seed(1))
    low, high = values.aminmax()
    one, other = _binned(values, low, high), _sorted(values, low, high)
    assert other.sum() == 5000
    assert (one - other).abs().sum() <= 4  # an entry on an edge may round to either side


@pytest.mark.parametrize("count", [_binned, _sorted])
def test_either_way_a_constant_lies_in_one_bin(count):
    sample = torch.full((6,), 2.5)
    assert sorted(count(sample, *sample.aminmax()).tolist()) == [0] * 63 + [6]


@pytest.mark.parametrize("value", [0.0, -3.5])
def test_a_constant_tensor_lies_in_one_bin(value):
    found = distribution(torch.full((6,), value)).numpy()
    assert found[:5].tolist() == [value, value, 6.0, 6 * value, 6 * value**2]
    assert sorted(found[5:].tolist()) == [0.0] * 63 + [6.0]


def test_of_a_large_tensor_entries_from_every_column_are_sorted():
    rising = torch.arange(512.0).expand(512, 512)
    found = distribution(rising).numpy()
    assert found[5:].sum() == pytest.approx(512 * 512)
    np.testing.assert_allclose(found[5:], 4096, rtol=0.05)


def test_small_tensors_that_are_looked_at_together_are_found_as_each_by_itself():
    draw = torch.Generator().manual_seed(3)
    shapes = [(3, 4), (1,), (70, 70), (64,), (2, 3, 5)]
    tensors = [torch.randn(shape, generator=draw) for shape in shapes] + [torch.full((6,), -3.5), torch.arange(65.0)]
    tensors[0] = tensors[0].T
    for together, one in zip(distributions(tensors)[:5], tensors, strict=False):
        alone = distribution(one)
        np.testing.assert_allclose(together[:5], alone[:5], rtol=1e-6)
        assert together[5:].sum() == one.numel()
        assert (together[5:] - alone[5:]).abs().sum() <= 2  # an entry on an edge may round to either side
    constant, rising = distributions(tensors)[-2:]
    assert sorted(constant[5:].tolist()) == [0.0] * 63 + [6.0]
    assert rising[5:].tolist() == [1.0] * 63 + [2.0]


@pytest.mark.parametrize(
    ("training", "steps"),
    [
        ({"epochs": 3, "batch_size": 28}, [3, 6, 9]),
        ({"epochs": 100, "batch_size": 28}, [3, *range(24, 300, 24), 300]),
        ({"epochs": 100, "max_steps": 4, "batch_size": 28}, [3, 4]),
        ({"epochs": 1, "batch_size": "full"}, [1]),
    ],
)
def test_they_are_due_at_the_end_of_the_first_the_last_and_some_epochs_between(training, steps):
    session = session_for("flowers", training=training)
    observer = Observer(session, Recording())
    due = [step for step in range(1, session.plan.total_steps + 1) if observer.is_due(step)]
    assert due == steps
    assert len(due) <= MOST_IN_A_RUN


def test_weights_and_gradients_of_every_layer_are_told_behind_their_step(tmp_path):
    recording = Recording()
    train_on("flowers", tmp_path, callbacks=[recording], training={"epochs": 2, "batch_size": 28}, early_stopping=None)
    assert [taken.step for taken in recording.histograms] == [3, 6]
    session = session_for("flowers")
    layers = [name for name, one in session.model.named_parameters() if one.requires_grad]
    assert recording.histograms[0].names == [f"{kind}/{name}" for kind in ("weights", "gradients") for name in layers]
    sizes = [one.numel() for one in session.model.parameters() if one.requires_grad]
    for taken in recording.histograms:
        assert taken.figures[:, 2].tolist() == sizes * 2
        np.testing.assert_allclose(taken.counts.sum(1), sizes * 2)


def test_weights_are_those_behind_the_last_step_and_gradients_have_its_norm(tmp_path):
    recording = Recording()
    train_on("flowers", tmp_path, callbacks=[recording], training={"epochs": 1, "batch_size": 28}, early_stopping=None)
    (taken,) = recording.histograms
    weights, gradients = np.split(taken.figures[:, 4], 2)
    assert np.sqrt(gradients.sum()) == pytest.approx(dict(recording.metrics["train/gradient_norm"])[3], rel=1e-6)
    saved = load_file(recording.checkpoints[-1].path / "weights.safetensors")
    names = [name.removeprefix("weights/") for name in taken.names[: len(weights)]]
    np.testing.assert_allclose(weights, [saved[name].double().square().sum() for name in names], rtol=1e-6)


def test_switched_off_there_are_none(tmp_path):
    recording = Recording()
    train_on("flowers", tmp_path, callbacks=[recording], tracking={"histograms": False})
    assert recording.histograms == []


def test_they_change_no_bit_of_the_run(tmp_path):
    with_them, without = (
        train_on("flowers", tmp_path / str(on), tracking={"histograms": on}, network={"type": "mlp", "dropout": 0.2})
        for on in (True, False)
    )
    assert with_them.result["weights_sha256"] == without.result["weights_sha256"]


def test_a_resumed_run_looks_where_an_undisturbed_one_does(tmp_path):
    whole, first, second = Recording(), Recording(order=Order.PAUSE, at=5), Recording()
    train_on("flowers", tmp_path / "whole", callbacks=[whole], early_stopping=None)
    train_on("flowers", tmp_path / "cut", callbacks=[first], early_stopping=None)
    train_on("flowers", tmp_path / "cut", callbacks=[second], early_stopping=None, resume=first.checkpoints[-1].path)
    resumed = first.histograms + second.histograms
    assert [taken.step for taken in resumed] == [taken.step for taken in whole.histograms]
    for one, other in zip(resumed, whole.histograms, strict=True):
        np.testing.assert_array_equal(one.figures, other.figures)
        np.testing.assert_array_equal(one.counts, other.counts)
