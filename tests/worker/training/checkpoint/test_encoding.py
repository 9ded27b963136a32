"""A safetensors file is the memory of its tensors behind a header, byte for byte as the library of that name has it."""

import pytest
import safetensors.torch
import torch

from worker.training.checkpoint.encoding import encoded

DTYPES = (
    torch.int64, torch.float64, torch.float32, torch.int32, torch.bfloat16,
    torch.float16, torch.int16, torch.int8, torch.uint8, torch.bool,
)  # fmt: skip


def of_every_type():
    random = torch.Generator().manual_seed(0)
    values = {str(dtype): torch.randint(0, 2, (3, 5), generator=random).to(dtype) for dtype in reversed(DTYPES)}
    return {
        **values,
        "b": torch.tensor(1.5),
        "a": torch.zeros(0, 3),
        'né"w\\': torch.ones(2),
        "scalar": torch.tensor(7),
    }


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
@pytest.mark.parametrize("tensors", [of_every_type(), {}], ids=["all", "none"])
def test_the_bytes_are_those_of_the_library(tensors, metadata):
    assert b"".join(encoded(tensors, metadata=metadata)) == safetensors.torch.save(tensors, metadata=metadata)


def test_nothing_is_copied():
    weight = torch.zeros(4)
    pieces = encoded({"weight": weight})
    weight.fill_(1.0)
    assert torch.frombuffer(pieces[1], dtype=torch.float32).tolist() == [1.0] * 4


def test_tensors_that_do_not_lie_in_order_are_refused():
    with pytest.raises(RuntimeError, match="view"):
        encoded({"weight": torch.zeros(2, 3).T})
