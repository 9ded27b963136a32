"""Every remedy of every rule fits every network: its patch is a spec that the service would take."""

import pytest

from models.formats.summaries import profile
from models.merge_patch import merged
from models.spec import parse, resolve
from models.spec.diagnosis import RULES
from tests.worker.training.families import FAMILIES
from tests.worker.training.material import SOURCES, TARGETS, spec_for
from worker.training.diagnosis.remedies import remedy


@pytest.mark.parametrize("family", FAMILIES)
def test_a_patch_is_a_spec_that_trains(family):
    source, sections = FAMILIES[family]
    rows = SOURCES[source]()
    data = {"dataset": source, **({"target": TARGETS[source]} if source in TARGETS else {})}
    sent = {"data": data, **sections, **({"task": "forecasting"} if source == "waves" else {})}
    resolved = spec_for(source, rows, **sections)
    num_patches = 0
    for rule in RULES:
        for variant in ("small", "large"):
            advice, patch = remedy(rule, resolved, variant)
            assert advice.endswith(".")
            if patch is not None:
                num_patches += 1
                patched = resolve(parse(merged(sent, patch)), profile(rows))
                assert patched != resolved
    assert num_patches >= 8


def with_sections(**sections):
    return spec_for("flowers", SOURCES["flowers"](), **sections)


def test_a_gradient_that_is_not_clipped_yet_is_clipped_first():
    assert remedy("exploding_gradient", with_sections(regularization=None), "")[1] == {
        "regularization": {"gradient_clip": {"norm": 1.0}}
    }
    patch = remedy("exploding_gradient", with_sections(optimizer={"type": "sgd", "learning_rate": 0.5}), "")[1]
    assert patch["optimizer"]["learning_rate"] == 0.05


def test_steps_become_larger_or_smaller_by_what_is_wrong_with_them():
    spec = with_sections(optimizer={"type": "sgd", "learning_rate": 0.5})
    rates = [remedy("update_size", spec, one)[1]["optimizer"]["learning_rate"] for one in ("small", "large")]
    assert rates == [5.0, 0.05]


def test_dropout_grows_up_to_a_half_and_then_weight_decay_does():
    def patch(dropout):
        network = {"type": "mlp", "hidden": [8], "dropout": dropout}
        optimizer = {"type": "adamw", "weight_decay": 0.01}
        return remedy("overfitting", with_sections(network=network, optimizer=optimizer), "")[1]

    assert patch(0.1)["network"]["dropout"] == 0.3
    assert patch(0.4)["network"]["dropout"] == 0.5
    assert patch(0.5)["optimizer"]["weight_decay"] == 0.1


def test_a_deep_network_gets_relu_norm_and_skips():
    network = {"type": "mlp", "hidden": [8, 8, 8], "activation": "sigmoid", "norm": "none"}
    patch = remedy("vanishing_gradient", with_sections(network=network), "")[1]["network"]
    assert (patch["activation"], patch["norm"], patch["skip"], patch["hidden"]) == ("relu", "layer", True, [8, 8, 8])


def test_rare_classes_are_weighed_first_where_all_rows_get_one():
    assert remedy("constant_output", with_sections(loss="cross_entropy"), "")[1]["loss"]["class_weight"] == "balanced"
    balanced = {"type": "cross_entropy", "class_weight": "balanced"}
    assert "optimizer" in remedy("constant_output", with_sections(loss=balanced), "")[1]


def test_relu_that_dies_becomes_leaky_and_what_saturates_is_normed():
    assert remedy("dead_units", with_sections(network={"type": "mlp"}), "")[1]["network"]["activation"] == "leaky_relu"
    network = {"type": "mlp", "activation": "tanh", "norm": "none"}
    assert remedy("saturated_units", with_sections(network=network), "")[1]["network"]["norm"] == "layer"
    network = {"type": "mlp", "activation": "tanh", "norm": "layer"}
    assert remedy("saturated_units", with_sections(network=network), "")[1]["network"]["activation"] == "relu"
