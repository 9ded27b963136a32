"""Which augmentation fits which data, and what `auto` is."""

import pytest

from models.errors import InvalidSpec
from models.profile import ColumnProfile, ImageShape, Profile
from models.samples import SAMPLES
from models.spec import parse, resolve
from models.spec.augmentation import RandomCrop

TABLE = Profile(
    kind="table",
    rows=1000,
    columns=tuple(ColumnProfile(name=name, type="number", missing=0, unique=900) for name in ("x", "y")),
)


def images(side, *, channels=1):
    return Profile(
        kind="images",
        rows=900,
        classes={"a": 450, "b": 450},
        image=ImageShape(height=side, width=side, channels=channels),
    )


def resolved(profile, augmentation="auto", **sections):
    data = {"dataset": "x", "target": "y"} if profile.kind == "table" else {"dataset": "x"}
    return resolve(parse({"data": data, "augmentation": augmentation, **sections}), profile).augmentation


def mistake(profile, augmentation, **sections):
    with pytest.raises(InvalidSpec) as caught:
        resolved(profile, augmentation, **sections)
    (error,) = caught.value.errors
    return error.pointer, error.detail


@pytest.mark.parametrize(("side", "padding"), [(16, 1), (28, 2), (32, 2), (224, 16)])
def test_images_that_are_large_enough_are_cropped(side, padding):
    assert resolved(images(side)) == (RandomCrop(padding=padding),)
    assert resolved(images(side), network="mlp") == (RandomCrop(padding=padding),)


def test_nothing_else_is_changed_unless_asked_for():
    assert resolved(images(15)) == ()
    assert resolved(TABLE) == ()
    assert (
        resolve(parse({"data": {"dataset": "airline_passengers"}}), SAMPLES["airline_passengers"].profile).augmentation
        == ()
    )


def test_a_list_is_taken_as_it_is():
    assert [step.type for step in resolved(images(28), ["horizontal_flip", {"type": "mixup", "alpha": 0.4}])] == [
        "horizontal_flip",
        "mixup",
    ]
    assert resolved(images(28), []) == ()


@pytest.mark.parametrize(
    ("profile", "augmentation", "pointer", "words"),
    [
        (TABLE, ["mixup", "rotate"], "#/augmentation/1/type", "rotate is for image; this data is table"),
        (images(28), ["jitter"], "#/augmentation/0/type", "jitter is for series; this data is image"),
        (images(28), ["token_dropout"], "#/augmentation/0/type", "is for mixed, text"),
        (TABLE, ["cutmix"], "#/augmentation/0/type", "is for image"),
        (images(28), ["mixup", "blur", "cutmix"], "#/augmentation/2/type", "give one of mixup and cutmix"),
        (
            images(28),
            [{"type": "color", "saturation": 0.2}],
            "#/augmentation/0/saturation",
            "must be 0 for grey images",
        ),
        (images(8), [{"type": "random_crop", "padding": 8}], "#/augmentation/0/padding", "less than the image's side"),
    ],
)
def test_what_does_not_fit_the_data_is_named_with_its_place(profile, augmentation, pointer, words):
    found, detail = mistake(profile, augmentation)
    assert found == pointer
    assert words in detail


def test_colour_has_a_saturation():
    assert resolved(images(28, channels=3), [{"type": "color", "saturation": 0.2}])


@pytest.mark.parametrize(
    ("augmentation", "pointer", "words"),
    [
        (["rotat"], "#/augmentation/0", "must be one of 'random_crop'"),
        ([{"type": "rotate", "degrees": 400}], "#/augmentation/0/degrees", "less than or equal to 180"),
        (["blur", {"type": "blur", "sigm": 1}], "#/augmentation/1/sigm", "did you mean `sigma`?"),
        ([{"type": "mixup", "alpha": 0}], "#/augmentation/0/alpha", "greater than 0"),
        ([{"p": 1}], "#/augmentation/0", "with a `type`"),
    ],
)
def test_a_mistake_is_named_with_its_place_in_the_list(augmentation, pointer, words):
    found, detail = mistake(images(28), augmentation)
    assert found == pointer
    assert words in detail


def test_one_entry_alone_is_a_list_of_it_and_null_is_none():
    assert resolved(images(28), "mixup") == resolved(images(28), ["mixup"])
    assert resolved(images(28), {"type": "rotate", "degrees": 3}) == resolved(
        images(28), [{"type": "rotate", "degrees": 3}]
    )
    assert resolved(images(28), None) == ()
    assert mistake(images(28), 5) == ("#/augmentation", "must be 'auto' or a list")
