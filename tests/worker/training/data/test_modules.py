"""Preprocessing of images is one multiplication and one addition, whatever way they lie in memory."""

import pytest
import torch

from worker.training.data.modules import ImagePreprocessing


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_images_are_scaled_and_shifted_by_channel(layout, dtype):
    preprocessing = ImagePreprocessing(channels=3)
    preprocessing.scale.copy_(torch.tensor([0.5, 2.0, 0.25])[:, None, None])
    preprocessing.shift.copy_(torch.tensor([-1.0, 0.0, 3.0])[:, None, None])
    raw = torch.arange(96).reshape(2, 3, 4, 4).to(dtype).contiguous(memory_format=layout)
    before = raw.clone()
    ready = preprocessing({"image": raw})["image"]
    wanted = torch.stack([raw[:, 0] * 0.5 - 1, raw[:, 1] * 2.0, raw[:, 2] * 0.25 + 3], dim=1)
    assert torch.equal(ready, wanted.float())
    assert torch.equal(raw, before)
    assert ready.is_contiguous(memory_format=layout)


def test_no_images_are_none():
    assert ImagePreprocessing(channels=3)({"image": torch.zeros(0, 3, 4, 4, dtype=torch.uint8)})["image"].shape[0] == 0
