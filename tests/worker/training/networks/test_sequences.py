"""Networks over sequences: they end where a text ends, and are what PyTorch's own are."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from models.spec.network import Mlp
from tests.worker.training.networks.material import SERIES, TEXT, batch_for, built
from worker.training import networks
from worker.training.data import Signature
from worker.training.networks.sequences import POOLINGS

STATES = torch.tensor([[[1.0, 9.0], [5.0, 2.0], [7.0, 7.0]], [[4.0, 4.0], [8.0, 8.0], [9.0, 9.0]]])
VALID = torch.tensor([[True, True, False], [True, False, False]])

OVER_TEXT = [
    {"type": "mlp"},
    {"type": "rnn"},
    {"type": "lstm", "bidirectional": True, "num_layers": 2, "pooling": "last"},
    {"type": "gru", "bidirectional": True, "pooling": "mean"},
    {"type": "gru", "num_layers": 2, "pooling": "max"},
    {"type": "tcn", "pooling": "last"},
    {"type": "tcn", "norm": "none", "pooling": "mean"},
    {"type": "transformer"},
    {"type": "transformer", "pooling": "class_token"},
    {"type": "transformer", "pooling": "last", "positions": "none"},
]


@pytest.mark.parametrize(
    ("pooling", "of_valid", "of_all"),
    [
        ("last", [[5, 2], [4, 4]], [[7, 7], [9, 9]]),
        ("mean", [[3, 5.5], [4, 4]], [[13 / 3, 6], [7, 7]]),
        ("max", [[5, 9], [4, 4]], [[7, 9], [9, 9]]),
    ],
)
def test_a_vector_is_made_of_the_valid_steps(pooling, of_valid, of_all):
    assert torch.allclose(POOLINGS[pooling](STATES, VALID), torch.tensor(of_valid, dtype=torch.float32))
    assert torch.allclose(POOLINGS[pooling](STATES, None), torch.tensor(of_all, dtype=torch.float32))


@pytest.mark.parametrize("network", OVER_TEXT, ids=str)
def test_how_far_a_text_is_padded_changes_nothing(network):
    model = built(TEXT, **network).eval()
    tokens = batch_for(TEXT)["tokens"]
    whole = model({"tokens": tokens})
    for row, num_words in enumerate((tokens != 0).sum(1).tolist()):
        if network["type"] != "transformer":  # its positions are as many as the longest text has
            assert torch.allclose(model({"tokens": tokens[row : row + 1, :num_words]}), whole[row], atol=1e-5)
    rows = torch.tensor([0, 0])
    assert torch.allclose(model({"tokens": tokens[rows]})[1], whole[0], atol=1e-5)


@pytest.mark.parametrize("network", OVER_TEXT, ids=str)
def test_every_word_of_a_text_is_read_and_an_empty_text_is_answered(network):
    model = built(TEXT, **network).eval()
    tokens = torch.tensor([[3, 4, 5, 6, 0, 0, 0, 0, 0, 0]])
    before = model({"tokens": tokens})
    if network.get("pooling") != "last" or network["type"] != "transformer":
        for place in range(4):
            other = tokens.clone()
            other[0, place] = 9
            assert not torch.allclose(model({"tokens": other}), before)
    assert model({"tokens": torch.zeros_like(tokens)}).isfinite().all()


@pytest.mark.parametrize(("name", "cell"), [("rnn", nn.RNN), ("lstm", nn.LSTM), ("gru", nn.GRU)])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_reading_both_ways_is_what_packed_sequences_give(name, cell, num_layers):
    model = built(TEXT, type=name, bidirectional=True, num_layers=num_layers, hidden_size=4, embedding_dim=5)
    theirs = cell(5, 4, num_layers=num_layers, bidirectional=True, batch_first=True)
    weights = {}
    for layer in range(num_layers):
        for half, suffix in ((model.layers.forwards[layer], ""), (model.layers.backwards[layer], "_reverse")):
            for key, value in half.state_dict().items():
                weights[key.replace("_l0", f"_l{layer}") + suffix] = value
    theirs.load_state_dict(weights)
    steps, valid = model.input(batch_for(TEXT))
    packed = pack_padded_sequence(steps, valid.sum(1), batch_first=True, enforce_sorted=False)
    expected, _ = pad_packed_sequence(theirs(packed)[0], batch_first=True, total_length=10)
    assert torch.allclose(model.layers(steps, valid)[valid], expected[valid], atol=1e-6)


def test_the_last_states_of_both_directions_are_at_the_two_ends_of_the_text():
    model = built(TEXT, type="gru", bidirectional=True, hidden_size=4, pooling="last").eval()
    batch = batch_for(TEXT)
    states = model.layers(*model.input(batch))
    ends = (batch["tokens"] != 0).sum(1) - 1
    expected = torch.cat([states[torch.arange(6), ends, :4], states[:, 0, 4:]], dim=1)
    assert torch.allclose(model(batch), model.head(expected))


@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_a_series_is_pooled_as_asked(pooling):
    model = built(SERIES, type="gru", hidden_size=4, pooling=pooling)
    states, _ = model.layers(batch_for(SERIES)["series"])
    expected = states.mean(1) if pooling == "mean" else states.amax(1)
    assert torch.allclose(model(batch_for(SERIES)), model.head(expected))


def test_an_mlp_reads_the_sum_of_the_vectors_of_a_text_over_the_root_of_their_number():
    model = built(TEXT, type="mlp", embedding_dim=7)
    tokens = torch.tensor([[3, 5, 0, 0, 0, 0, 0, 0, 0, 0], [0] * 10])
    vectors = model.input.embedding.weight
    assert vectors.shape == (20, 7)
    expected = torch.stack([(vectors[3] + vectors[5]) / 2**0.5, torch.zeros(7)])
    assert torch.allclose(model.input({"tokens": tokens}), expected)
    assert vectors[1:].std().item() == pytest.approx(0.1, rel=0.3)


def test_an_mlp_reads_a_text_beside_numbers_and_categories():
    signature = Signature(
        "table", "classification", 2, num_numbers=2, cardinalities=(4,), text=(3, 9), classes=("a", "b")
    )
    model = networks.build(Mlp(embedding_dim=5, norm="none"), signature)
    batch = {
        "numbers": torch.tensor([[1.0, 2.0]]),
        "categories": torch.tensor([[3]]),
        "tokens": torch.tensor([[4, 0, 0]]),
    }
    vector = model.input(batch)[0]
    assert vector[:2].tolist() == [1.0, 2.0]
    assert torch.equal(vector[2:-5], model.input.embeddings[0].weight[3])
    assert torch.allclose(vector[-5:], model.input.text.embedding.weight[4])


def test_a_tcn_sees_the_past_alone_and_as_far_as_it_says():
    model = built(SERIES, type="tcn", channels=[4, 4], kernel_size=3, dropout=0.0)
    windows = torch.zeros(1, 30, 3, requires_grad=True)
    model.blocks(windows + torch.randn(1, 30, 3))[0, 20].square().sum().backward()
    seen = windows.grad.abs().sum(2)[0].nonzero().squeeze()
    assert (int(seen.min()), int(seen.max())) == (20 - (3 - 1) * 2 * (2**2 - 1), 20)


def test_a_tcn_block_adds_what_two_dilated_convolutions_make_of_its_input():
    model = built(SERIES, type="tcn", channels=[3, 3], norm="none", dropout=0.0)
    steps = torch.randn(2, 12, 3)
    block = model.blocks[2].block
    expected = steps.transpose(1, 2)
    for convolution in (block[0].convolution, block[3].convolution):
        padded = nn.functional.pad(expected, (4, 0))
        expected = nn.functional.conv1d(padded, convolution.weight, convolution.bias, dilation=2).relu()
    assert torch.allclose(model.blocks[2](steps), steps + expected.transpose(1, 2), atol=1e-6)


def test_a_tcn_normalizes_the_channels_of_each_step():
    assert sum(isinstance(module, nn.LayerNorm) for module in built(SERIES, type="tcn").modules()) == 8
    assert not any(isinstance(module, nn.LayerNorm) for module in built(SERIES, type="tcn", norm="none").modules())
