"""`--set`: what it does to a spec."""

from __future__ import annotations

import pytest

from trainyard import ConfigurationError
from trainyard.cli.overrides import apply


@pytest.mark.parametrize(
    ("setting", "changed"),
    [
        ("name=first", {"name": "first"}),
        ("name=a=b", {"name": "a=b"}),
        ("training.epochs=3", {"training": {"epochs": 3}}),
        ("early_stopping=null", {"early_stopping": None}),
        ('network={"type": "cnn"}', {"network": {"type": "cnn"}}),
        ("labels.team=007a", {"labels": {"team": "007a"}}),
        ("a.b.c=true", {"a": {"b": {"c": True}}}),
    ],
)
def test_a_value_is_json_or_else_text_and_the_way_to_it_is_made(setting, changed):
    assert apply({}, [setting]) == changed


def test_a_bare_word_becomes_the_object_it_stands_for():
    assert apply({"network": "mlp"}, ["network.hidden=[8]"]) == {"network": {"type": "mlp", "hidden": [8]}}


def test_a_section_that_was_switched_off_is_switched_on():
    assert apply({"early_stopping": None}, ["early_stopping.patience=3"]) == {"early_stopping": {"patience": 3}}


def test_places_in_a_list_are_numbers():
    spec = {"augmentation": [{"type": "mixup"}, {"type": "random_crop"}]}
    assert apply(spec, ["augmentation.1.padding=2"])["augmentation"][1] == {"type": "random_crop", "padding": 2}


def test_settings_apply_in_order_and_leave_the_given_spec_alone():
    spec = {"optimizer": {"type": "adam"}}
    assert apply(spec, ["optimizer.type=sgd", "optimizer.momentum=0.9", "optimizer.type=adamw"]) == {
        "optimizer": {"type": "adamw", "momentum": 0.9}
    }
    assert spec == {"optimizer": {"type": "adam"}}


@pytest.mark.parametrize("setting", ["", "name", "=3", "epochs.x=1", "layers.x=1", "layers.7=1"])
def test_what_cannot_be_set_is_refused_in_the_words_that_were_typed(setting):
    with pytest.raises(ConfigurationError, match=f"--set {setting}:"):
        apply({"epochs": 3, "layers": [1, 2]}, [setting])
