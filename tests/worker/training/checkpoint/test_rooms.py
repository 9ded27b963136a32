"""Snapshots stay as they are for as long as they are held, and their memory is used again when they are not."""

import torch

from worker.training.checkpoint.rooms import Rooms


def test_copies_are_of_the_moment_and_contiguous():
    rooms = Rooms()
    image = torch.arange(24.0).reshape(1, 2, 3, 4).contiguous(memory_format=torch.channels_last)
    copies = rooms.copied({"image": image, "count": torch.tensor(3)})
    image.zero_()
    assert copies["image"].flatten().tolist() == list(range(24))
    assert copies["image"].is_contiguous()
    assert copies["count"].item() == 3


def test_memory_is_used_again_only_when_nobody_holds_the_copies():
    rooms = Rooms()
    first = rooms.copied({"weight": torch.zeros(3)})
    second = rooms.copied({"weight": torch.ones(3)})
    places = [copies["weight"].data_ptr() for copies in (first, second)]
    assert len(set(places)) == 2
    del first
    third = rooms.copied({"weight": torch.full((3,), 2.0)})
    assert third["weight"].data_ptr() == places[0]
    assert second["weight"].tolist() == [1.0] * 3


def test_a_tensor_of_another_shape_or_type_gets_memory_of_its_own():
    rooms = Rooms()
    rooms.copied({"weight": torch.zeros(3)})
    assert rooms.copied({"weight": torch.ones(2, 2)})["weight"].tolist() == [[1.0] * 2] * 2
    again = rooms.copied({"weight": torch.ones(2, 2, dtype=torch.int64), "bias": torch.tensor([5.0])})
    assert (again["weight"].dtype, again["bias"].tolist()) == (torch.int64, [5.0])


def test_rooms_that_were_made_ahead_are_used():
    rooms = Rooms()
    rooms.make({"weight": torch.zeros(3)}, num=2)
    prepared = {room._buffers["weight"].data_ptr() for room in rooms._rooms}
    held = [rooms.copied({"weight": torch.ones(3)}) for _ in range(2)]
    assert {copies["weight"].data_ptr() for copies in held} == prepared
    rooms.make({"weight": torch.zeros(3)}, num=2)
    assert len(rooms._rooms) == 2
