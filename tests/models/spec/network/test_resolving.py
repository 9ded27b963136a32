"""Which network reads which data, and what `auto` becomes."""

import pytest

from models.errors import InvalidSpec
from models.spec import parse
from models.spec.network import Layers
from models.spec.network.resolving import NETWORKS, Surroundings, resolved_network

IMAGE = (1, 28, 28)


def network_of(document):
    return parse({"data": {"dataset": "x"}, "network": document}).network


def resolved(document, kind="table", *, batch_size=32, size=None):
    image = IMAGE if size is None else (1, *size)
    return resolved_network(network_of(document), Surroundings(kind, batch_size, image if kind == "image" else None))


def mistake(document, kind="table", **around):
    with pytest.raises(InvalidSpec) as caught:
        resolved(document, kind, **around)
    (error,) = caught.value.errors
    return error.pointer, error.detail


@pytest.mark.parametrize("kind", NETWORKS)
def test_every_network_of_a_kind_is_complete_once_resolved(kind):
    names = [member.model_fields["type"].default for member in NETWORKS[kind] if member is not Layers]
    for network in ("auto", *names):
        once = resolved(network, kind)
        assert "auto" not in once.model_dump(exclude={"initialization"}).values()
        assert resolved_network(once, Surroundings(kind, 32, IMAGE)) == once


@pytest.mark.parametrize(
    ("network", "kind"),
    [("cnn", "table"), ("tabm", "image"), ("lstm", "image"), ("resnet", "series"), ("cnn", "text"), ("tcn", "table")],
)
def test_a_network_that_does_not_read_the_data_is_refused_with_those_that_do(network, kind):
    pointer, detail = mistake(network, kind)
    assert pointer == "#/network/type"
    assert detail.startswith(f"{network} does not read this data ({kind}); these do: ")


@pytest.mark.parametrize(
    ("document", "kind", "pointer", "detail"),
    [
        ({"type": "lstm", "embedding_dim": 8}, "series", "#/network/embedding_dim", "is for the tokens of texts"),
        ({"type": "mlp", "embedding_dim": 8}, "table", "#/network/embedding_dim", "is for the tokens of texts"),
        ({"type": "transformer", "patch": 2}, "text", "#/network/patch", "is for images"),
        ({"type": "transformer", "patch": 29}, "image", "#/network/patch", "larger than the image, which is 28 x 28"),
        ({"type": "transformer", "pooling": "last"}, "table", "#/network/pooling", "columns of a table have no order"),
    ],
)
def test_fields_that_the_data_has_no_use_for_are_refused(document, kind, pointer, detail):
    found, words = mistake(document, kind)
    assert found == pointer
    assert detail in words


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"type": "mlp", "skip": True}, "two neighbouring hidden layers of one width"),
        ({"type": "transformer", "width": 10, "num_heads": 4}, "width 10 cannot be shared by 4 heads"),
        ({"type": "resnet", "widths": [4, 8]}, "both widths and depths"),
        ({"type": "resnet", "widths": [4, 8], "depths": [1]}, "one entry per stage"),
    ],
)
def test_fields_that_do_not_fit_each_other_are_refused(document, words):
    with pytest.raises(InvalidSpec, match=words):
        network_of(document)


def test_texts_get_vectors_for_their_tokens_and_are_pooled():
    lstm = resolved("lstm", "text")
    assert (lstm.embedding_dim, lstm.pooling) == (64, "mean")
    assert resolved({"type": "lstm", "embedding_dim": 5, "pooling": "last"}, "text").pooling == "last"
    assert resolved("lstm", "series").pooling == "last"


@pytest.mark.parametrize(("size", "patch"), [((8, 8), 1), ((28, 28), 4), ((224, 200), 25), ((3, 5), 1)])
def test_a_patch_is_about_an_eighth_of_the_image(size, patch):
    assert resolved("transformer", "image", size=size).patch == patch


def test_a_transformer_is_pooled_by_what_it_reads():
    pooled = {kind: resolved("transformer", kind).pooling for kind in ("series", "text", "table", "image")}
    assert pooled == {"series": "last", "text": "mean", "table": "class_token", "image": "mean"}
    assert resolved("transformer", "table").positions == "none"
    assert resolved("transformer", "text").positions == "learned"
    assert resolved({"type": "transformer", "width": 32}, "text").feedforward == 128


def test_the_stages_of_a_resnet_go_by_the_size_of_the_image():
    small, large = resolved("resnet", "image"), resolved("resnet", "image", size=(224, 224))
    assert (small.stem, small.widths, small.depths) == ("plain", (32, 64, 128), (1, 1, 1))
    assert (large.stem, large.widths, large.depths) == ("strided", (64, 128, 256, 512), (2, 2, 2, 2))
    given = resolved({"type": "resnet", "widths": [4], "depths": [1], "stem": "plain"}, "image", size=(224, 224))
    assert (given.stem, given.widths, given.depths) == ("plain", (4,), (1,))


@pytest.mark.parametrize(("network", "small"), [("mlp", "layer"), ("cnn", "none"), ("resnet", "group")])
def test_small_batches_are_normalized_another_way(network, small):
    assert resolved(network, "image").norm == "batch"
    assert resolved(network, "image", batch_size="full").norm == "batch"
    assert resolved(network, "image", batch_size=8).norm == small
    pointer, _ = mistake({"type": network, "norm": "batch"}, "image", batch_size=1)
    assert pointer == "#/network/norm"


@pytest.mark.parametrize(
    ("num_train", "num_columns", "network"),
    [(999, 5, "mlp"), (1000, 5, "tabm"), (1000, 128, "tabm"), (1000, 129, "mlp"), (10**6, 5, "tabm")],
)
def test_a_table_gets_tabm_where_it_has_rows_enough_and_not_too_many_columns(num_train, num_columns, network):
    around = Surroundings("table", 32, num_train=num_train, num_columns=num_columns)
    assert resolved_network(network_of("auto"), around).type == network
