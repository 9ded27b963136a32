"""The shape behind every layer, and which layer cannot read what it gets."""

import pytest

from models.errors import InvalidSpec
from models.spec import parse
from models.spec.network.resolving import Surroundings, has_batch_norm, resolved_network
from models.spec.network.shapes import Shape, trace

VECTOR, IMAGE = Shape("vector", (8,)), Shape("image", (3, 28, 20))
SEQUENCE, TOKENS = Shape("sequence", (24, 6)), Shape("tokens", (10,))


def layers(*entries):
    return parse({"data": {"dataset": "x"}, "network": {"type": "layers", "layers": entries}}).network.layers


def sizes_behind(shape, *entries):
    return trace(layers(*entries), shape)[-1].sizes


def mistake(shape, *entries):
    with pytest.raises(InvalidSpec) as caught:
        trace(layers(*entries), shape)
    (error,) = caught.value.errors
    return error.pointer, error.detail


@pytest.mark.parametrize(
    ("shape", "entry", "sizes"),
    [
        (VECTOR, {"type": "linear", "width": 5}, (5,)),
        (SEQUENCE, {"type": "linear", "width": 5}, (24, 5)),
        (IMAGE, {"type": "conv", "channels": 7}, (7, 28, 20)),
        (IMAGE, {"type": "conv", "channels": 7, "stride": 2}, (7, 14, 10)),
        (IMAGE, {"type": "conv", "channels": 7, "kernel_size": 5, "padding": "none"}, (7, 24, 16)),
        (IMAGE, {"type": "conv", "channels": 6, "groups": 3, "dilation": 2, "padding": "none"}, (6, 24, 16)),
        (SEQUENCE, {"type": "conv", "channels": 7, "kernel_size": 4, "padding": "causal"}, (24, 7)),
        (SEQUENCE, {"type": "conv", "channels": 7, "kernel_size": 4, "stride": 3}, (8, 7)),
        (IMAGE, "pool", (3, 14, 10)),
        (SEQUENCE, {"type": "pool", "kind": "mean", "size": 5, "stride": 2}, (10, 6)),
        (IMAGE, "global_pool", (3,)),
        (SEQUENCE, {"type": "global_pool", "kind": "last"}, (6,)),
        (IMAGE, "norm", (3, 28, 20)),
        (VECTOR, "activation", (8,)),
        (SEQUENCE, "dropout", (24, 6)),
        (IMAGE, "flatten", (3 * 28 * 20,)),
        (TOKENS, {"type": "embedding", "width": 9}, (10, 9)),
        (SEQUENCE, "positions", (24, 6)),
        (SEQUENCE, {"type": "recurrent", "width": 5, "bidirectional": True}, (24, 10)),
        (SEQUENCE, {"type": "attention", "num_heads": 3}, (24, 6)),
        (IMAGE, {"type": "residual", "layers": [{"type": "conv", "channels": 9}]}, (9, 28, 20)),
    ],
)
def test_a_layer_leads_to_its_shape(shape, entry, sizes):
    assert sizes_behind(shape, entry) == sizes


@pytest.mark.parametrize(
    ("shape", "entry", "words"),
    [
        (IMAGE, {"type": "linear", "width": 5}, "linear cannot read an image of 3 x 28 x 20"),
        (VECTOR, {"type": "conv", "channels": 5}, "conv cannot read a vector of 8: it reads a sequence or an image"),
        (TOKENS, "flatten", "flatten cannot read tokens of 10: put an embedding first"),
        (VECTOR, "pool", "cannot read a vector of 8"),
        (SEQUENCE, {"type": "pool", "size": 25}, "leaves nothing of a sequence of 24 x 6"),
        (IMAGE, {"type": "conv", "channels": 5, "kernel_size": 21, "padding": "none"}, "leaves nothing"),
        (IMAGE, {"type": "conv", "channels": 5, "padding": "causal"}, "cannot be causal over an image"),
        (IMAGE, {"type": "conv", "channels": 4, "groups": 2}, "has 3 inputs, which cannot be parted into 2 groups"),
        (
            SEQUENCE,
            {"type": "conv", "channels": 4, "groups": 3},
            "has 4 channels, which cannot be parted into 3 groups",
        ),
        (IMAGE, {"type": "global_pool", "kind": "last"}, "cannot take the last of an image"),
        (SEQUENCE, "embedding", "it is for the tokens of a text, as the first layer"),
        (IMAGE, "positions", "cannot read an image"),
        (VECTOR, "recurrent", "cannot read a vector"),
        (SEQUENCE, {"type": "attention", "num_heads": 4}, "has 4 heads, which cannot share steps of 6"),
        (IMAGE, {"type": "residual", "layers": ["pool"]}, "turns an image of 3 x 28 x 20 into an image of 3 x 14 x 10"),
        (IMAGE, {"type": "residual", "layers": ["flatten"]}, "into a vector of 1680"),
    ],
)
def test_a_layer_that_cannot_read_what_it_gets_is_named_with_the_shape(shape, entry, words):
    pointer, detail = mistake(shape, entry)
    assert pointer == "#/network/layers/0"
    assert words in detail


def test_the_place_of_the_layer_is_told_also_within_a_block():
    assert mistake(IMAGE, "norm", "flatten", "norm", "pool")[0] == "#/network/layers/3"
    assert mistake(IMAGE, "norm", {"type": "residual", "layers": ["norm", "recurrent"]})[0] == (
        "#/network/layers/1/layers/1"
    )


def test_a_batch_is_not_measured_over_the_padding_of_a_text():
    assert "would measure the padding" in mistake(TOKENS, "embedding", "norm")[1]
    assert sizes_behind(TOKENS, "embedding", {"type": "norm", "kind": "layer"}) == (10, 64)


def test_what_is_not_known_yet_is_not_refused():
    assert sizes_behind(Shape("vector", (None,)), {"type": "norm", "kind": "group"}) == (None,)
    assert sizes_behind(Shape("sequence", (24, None)), "attention", "flatten") == (None,)


def resolved(kind, *entries, batch_size=32):
    network = parse({"data": {"dataset": "x"}, "network": {"type": "layers", "layers": entries}}).network
    return resolved_network(network, Surroundings(kind, batch_size, (3, 28, 28) if kind == "image" else None, 24))


@pytest.mark.parametrize(
    ("kind", "entries", "pointer", "words"),
    [
        ("image", ["norm", "recurrent"], "#/network/layers/1", "cannot read an image of 3 x 28 x 28"),
        ("image", ["norm"], "#/network/layers", "end in an image of 3 x 28 x 28"),
        ("series", [{"type": "pool", "size": 30}, "flatten"], "#/network/layers/0", "leaves nothing"),
        ("table", ["flatten", "attention"], "#/network/layers/1", "cannot read a vector of ?"),
        ("text", ["global_pool"], "#/network/layers/0", "put an embedding first"),
    ],
)
def test_a_job_with_layers_that_do_not_fit_is_refused(kind, entries, pointer, words):
    with pytest.raises(InvalidSpec) as caught:
        resolved(kind, *entries)
    (error,) = caught.value.errors
    assert error.pointer == pointer
    assert words in error.detail


def test_layers_that_fit_are_taken():
    assert resolved("image", "global_pool").layers[0].type == "global_pool"
    assert resolved("text", "embedding", "global_pool").layers[1].kind == "mean"


def test_batches_of_one_row_are_not_normalized():
    block = {"type": "residual", "layers": ["norm"]}
    with pytest.raises(InvalidSpec, match="#/network/layers/1/layers/0/kind cannot be batch"):
        resolved("table", "activation", block, batch_size=1)
    assert resolved("table", "activation", block)


@pytest.mark.parametrize(
    ("entries", "pointer", "words"),
    [
        (["lineer"], "#/network/layers/0", "must be one of 'linear', 'conv'"),
        (["linear"], "#/network/layers/0/width", "is required"),
        ([{"type": "conv", "channels": 4, "kernel": 3}], "#/network/layers/0/kernel", "did you mean `kernel_size`?"),
        ([], "#/network/layers", "must have at least 1 item"),
        (
            [{"type": "residual", "layers": [{"type": "residual", "layers": ["norm"]}]}],
            "#/network/layers/0/layers/0",
            "",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place_in_the_list(entries, pointer, words):
    with pytest.raises(InvalidSpec) as caught:
        layers(*entries)
    (error,) = caught.value.errors
    assert error.pointer.removesuffix("/type") == pointer
    assert words in error.detail


def test_what_measures_over_the_batch_is_known():
    block = {"type": "residual", "layers": ["norm"]}
    assert has_batch_norm(resolved("table", "activation", block))
    assert not has_batch_norm(resolved("table", "activation", {"type": "norm", "kind": "layer"}))
