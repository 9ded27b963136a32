"""Tensors as a safetensors file, without a copy of them: the header, then the memory of each as it lies.

Byte for byte what `safetensors.torch.save` gives, which copies everything twice on the way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch

Piece = bytes | memoryview

#: In the order in which the format sorts them: tensors of wide numbers come first, so that each is aligned.
_NAMES: Final[Mapping[torch.dtype, str]] = {
    torch.int64: "I64",
    torch.float64: "F64",
    torch.float32: "F32",
    torch.int32: "I32",
    torch.bfloat16: "BF16",
    torch.float16: "F16",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
_RANKS: Final = {dtype: rank for rank, dtype in enumerate(_NAMES)}
_ALIGNMENT: Final = 8


def encoded(tensors: Mapping[str, torch.Tensor], *, metadata: Mapping[str, str] | None = None) -> Sequence[Piece]:
    """The pieces of a file that holds contiguous tensors on the CPU; those of tensors are their memory itself.

    Raises KeyError for a type of numbers that no model has.
    """
    header: dict[str, Any] = {} if metadata is None else {"__metadata__": dict(metadata)}
    pieces: list[Piece] = []
    end = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: (_RANKS[item[1].dtype], item[0])):
        start, end = end, end + tensor.nbytes
        header[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, end]}
        pieces.append(tensor.detach().view(-1).view(torch.uint8).numpy().data)
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return [len(text).to_bytes(8, "little") + text, *pieces]
