"""Golden rows are what the given weights answer, taken without touching the run that they are taken from."""

import pytest
import torch

from tests.worker.training.families import everything
from tests.worker.training.material import session_for
from worker.training import golden_rows
from worker.training.checkpoint import load, save
from worker.training.data import Split
from worker.training.errors import GoldenRowsDiffer
from worker.training.golden_rows import NUM_ROWS, answered, check


def session_of(family: str):
    name, sections = everything(family)
    return session_for(name, **sections)


@pytest.mark.parametrize("family", ["mlp", "lstm", "resnet"])
def test_taking_them_leaves_the_model_and_the_generator_as_they_were(family):
    session = session_of(family)
    model, before = session.model.train(), {name: t.clone() for name, t in session.model.state_dict().items()}
    state = torch.get_rng_state()
    other = {name: t * 0.5 if t.is_floating_point() else t for name, t in before.items()}
    golden = answered(model, other, session.data.test)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())
    assert all(module.training for module in model.network.modules())
    model.load_state_dict(other)
    check(model.eval(), golden)


def test_they_are_the_first_test_rows_as_they_are_encoded():
    session = session_of("mlp")
    golden = answered(session.model, session.model.state_dict(), session.data.test)
    assert golden.keys() == {"inputs.numbers", "inputs.categories", "outputs"}
    assert golden["outputs"].shape == (NUM_ROWS, 3)
    for name, rows in session.data.test.inputs.items():
        assert torch.equal(golden[f"inputs.{name}"].nan_to_num(-1), rows[:NUM_ROWS].nan_to_num(-1))


def test_a_missing_number_in_them_survives_the_way_through_a_checkpoint(tmp_path):
    session = session_of("mlp")
    session.data.test.inputs["numbers"][0, 0] = torch.nan
    snapshot = session.snapshot()
    golden = answered(session.model, snapshot.weights, session.data.test)
    saved = save(tmp_path, snapshot.with_golden(golden), kinds=frozenset(), metrics={}, facts={})
    loaded = load(saved.path).golden
    assert loaded["inputs.numbers"][0, 0].isnan()
    assert torch.equal(loaded["outputs"], golden["outputs"])


@pytest.mark.parametrize(("shift", "passes"), [(5e-5, True), (1e-2, False), (float("nan"), False)])
def test_only_differences_in_the_last_digits_pass(shift, passes):
    session = session_of("mlp")
    golden = answered(session.model, session.model.state_dict(), session.data.test)
    golden["outputs"] = golden["outputs"] + shift
    if passes:
        check(session.model.eval(), golden)
    else:
        with pytest.raises(GoldenRowsDiffer):
            check(session.model.eval(), golden)


def test_without_rows_there_is_nothing_to_check():
    session = session_of("mlp")
    nothing = Split({name: rows[:0] for name, rows in session.data.test.inputs.items()}, session.data.test.targets[:0])
    assert golden_rows.answered(session.model, session.model.state_dict(), nothing) == {}
    check(session.model, {})
