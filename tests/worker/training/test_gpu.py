"""What only a GPU can show: that exact resume holds there, in every precision."""

import pytest
import torch

from tests.worker.training.families import FAMILIES, everything
from tests.worker.training.material import SOURCES, Recording, spec_for
from worker.training import Order, train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def train_there(name, directory, /, *, callbacks=(), resume=None, **sections):
    source = SOURCES[name]()
    spec = spec_for(name, source, **sections)
    return train(spec, source, directory=directory, device="cuda", callbacks=callbacks, resume=resume, num_threads=1)


def ends_alike(name, directory, **sections):
    whole = train_there(name, directory / "whole", **sections)
    train_there(name, directory / "part", callbacks=[Recording(order=Order.PAUSE, at=7)], **sections)
    rest = train_there(name, directory / "rest", resume=directory / "part" / "7", **sections)
    return rest.result["weights_sha256"] == whole.result["weights_sha256"]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_goes_on_with_the_same_bits(family, tmp_path):
    name, sections = everything(family)
    assert ends_alike(name, tmp_path, **sections)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "nadam", "lion", "muon"])
def test_every_kind_of_optimizer_goes_on_with_the_same_bits(optimizer, tmp_path):
    assert ends_alike("flowers", tmp_path, **FAMILIES["mlp"][1], optimizer=optimizer)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_every_precision_learns_and_goes_on_with_the_same_bits(precision, tmp_path):
    sections = {**FAMILIES["cnn"][1], "training": {"epochs": 6, "batch_size": 16, "precision": precision}}
    assert ends_alike("stripes", tmp_path, **sections)
