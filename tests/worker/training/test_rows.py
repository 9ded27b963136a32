"""Batches are slices of one order, and preprocessing is applied once."""

import itertools
import math

import pytest
import torch

from models.spec.data import BlockShuffle
from tests.worker.training.material import session_for
from worker.training import rows as module
from worker.training.plan import Plan
from worker.training.rows import Rows, batches, evaluation_size, prepare


def numbered(num):
    values = torch.arange(num)
    return Rows({"numbers": values[:, None].float(), "categories": values[:, None]}, values, is_ready=True)


def drawn(rows, *, size, epoch=0, start=0):
    plan = Plan(num_rows=len(rows), batch_size=size, epochs=1)
    return [batch.targets.tolist() for batch in batches(rows, plan, seed=7, epoch=epoch, start=start)]


def test_an_epoch_sees_every_row_once():
    taken = drawn(numbered(22), size=5)
    assert [len(batch) for batch in taken] == [5, 5, 5, 5, 2]
    assert sorted(row for batch in taken for row in batch) == list(range(22))


def test_inputs_and_targets_stay_together():
    rows = numbered(22)
    for batch in batches(rows, Plan(num_rows=22, batch_size=5, epochs=1), seed=7, epoch=0, start=0):
        assert batch.inputs["numbers"][:, 0].tolist() == batch.targets.tolist()
        assert batch.inputs["categories"][:, 0].tolist() == batch.targets.tolist()


def test_an_epoch_can_be_entered_anywhere():
    assert drawn(numbered(22), size=5, start=3) == drawn(numbered(22), size=5)[3:]


def test_small_batches_are_taken_together_and_come_one_by_one_from_wherever_an_epoch_is_entered(monkeypatch):
    rows = numbered(150)
    together = [drawn(rows, size=16, start=start) for start in range(11)]
    assert rows.batches_at_once(16) > 4
    monkeypatch.setattr(module, "BLOCK_BYTES", 3 * 16 * (4 + 8 + 8))
    assert rows.batches_at_once(16) == 3
    assert [drawn(rows, size=16, start=start) for start in range(11)] == together
    monkeypatch.setattr(module, "BLOCK_BYTES", 1)
    assert [drawn(rows, size=16, start=start) for start in range(11)] == together


def test_batches_that_would_begin_at_odd_places_in_memory_are_taken_alone():
    assert numbered(150).batches_at_once(15) == 1
    plan = Plan(num_rows=150, batch_size=16, epochs=1)
    for batch in batches(numbered(150), plan, seed=7, epoch=0, start=2):
        assert [tensor.data_ptr() % 64 for tensor in (*batch.inputs.values(), batch.targets)] == [0, 0, 0]


def test_epochs_differ_in_their_order():
    assert drawn(numbered(22), size=5, epoch=0) != drawn(numbered(22), size=5, epoch=1)


def test_the_full_batch_is_the_rows_themselves():
    rows = numbered(9)
    plan = Plan(num_rows=9, batch_size=9, epochs=1)
    assert list(batches(rows, plan, seed=7, epoch=0, start=0)) == [rows]
    assert list(batches(rows, plan, seed=7, epoch=0, start=1)) == []


def test_a_row_left_over_waits_for_another_epoch():
    epochs = [drawn(numbered(11), size=5, epoch=epoch) for epoch in range(20)]
    left = [set(range(11)) - {row for batch in taken for row in batch} for taken in epochs]
    assert all(len(rows) == 1 for rows in left)
    assert len(set.union(*left)) > 5


def test_slices_keep_the_order_and_lose_nothing():
    pieces = [piece.targets.tolist() for piece in numbered(10).slices(4)]
    assert pieces == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_tables_are_preprocessed_once_with_the_bits_of_preprocessing_each_batch():
    session = session_for("flowers")
    assert session.train.is_ready
    some = torch.tensor([5, 1, 7])
    raw = {name: tensor[some] for name, tensor in session.data.train.inputs.items()}
    for name, tensor in session.model.preprocessing(raw).items():
        assert torch.equal(tensor, session.train.take(some).inputs[name])


def test_images_stay_bytes():
    session = session_for("stripes")
    assert not session.train.is_ready
    assert session.train.inputs["image"].dtype == torch.uint8


def test_rows_that_would_take_too_much_room_are_preprocessed_batch_by_batch(monkeypatch):
    monkeypatch.setattr(module, "MAX_READY_VALUES", 10)
    session = session_for("waves", preprocessing={"series": {"window": 12}})
    assert not prepare(session.data.train, session.model).is_ready


def test_evaluation_batches_are_as_large_as_memory_allows():
    assert evaluation_size(numbered(3)) == module.MAX_EVALUATION_ROWS
    images = Rows({"image": torch.zeros(2, 3, 224, 224, dtype=torch.uint8)}, torch.zeros(2), is_ready=False)
    assert evaluation_size(images) == 27
    huge = Rows({"image": torch.zeros(1, 3, 4096, 4096, dtype=torch.uint8)}, torch.zeros(1), is_ready=False)
    assert evaluation_size(huge) == 1
    long = Rows({"tokens": torch.zeros(5, 1024, dtype=torch.int32)}, torch.zeros(5), is_ready=False)
    assert evaluation_size(long) == module.EVALUATION_VALUES // (1024 * 64)


def drawn_in_blocks(num, *, block, window, epoch=0, start=0, size=4):
    plan = Plan(num_rows=num, batch_size=size, epochs=1)
    shuffle = BlockShuffle(block=block, window=window)
    walk = batches(numbered(num), plan, seed=7, epoch=epoch, start=start, shuffle=shuffle)
    return [batch.targets.tolist() for batch in walk]


def test_a_window_of_one_block_keeps_the_rows_of_a_block_together():
    taken = drawn_in_blocks(40, block=4, window=1)
    blocks = [sorted(batch) for batch in taken]
    assert sorted(blocks) == [list(range(first, first + 4)) for first in range(0, 40, 4)]
    assert blocks != sorted(blocks)
    assert any(batch != sorted(batch) for batch in taken)


def test_a_window_mixes_the_rows_of_its_blocks_and_no_others():
    taken = drawn_in_blocks(46, block=4, window=3, size=12)
    assert sorted(row for batch in taken for row in batch) == list(range(46))
    for batch in taken[:3]:
        assert len({row // 4 for row in batch} | {46 // 4}) <= 3 + 2
    assert any(row // 4 != after // 4 for batch in taken for row, after in itertools.pairwise(batch))


def test_blocks_are_a_function_of_seed_and_epoch_and_can_be_entered_anywhere():
    whole = drawn_in_blocks(40, block=4, window=2)
    assert drawn_in_blocks(40, block=4, window=2, start=3) == whole[3:]
    assert drawn_in_blocks(40, block=4, window=2, epoch=1) != whole


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 3, 1), (1, 1, 3), (3, 1, 1), (3, 2, 2)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_images_of_one_pixel_and_of_one_line_are_taken(shape, layout):
    images = torch.arange(5 * math.prod(shape)).reshape(5, *shape).to(memory_format=layout)

    taken = Rows({"image": images}, torch.arange(5), is_ready=False).take(torch.tensor([3, 0]))

    assert taken.inputs["image"].tolist() == images[[3, 0]].tolist()
