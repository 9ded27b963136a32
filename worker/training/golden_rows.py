"""Golden rows: a few rows that a checkpoint carries with what its weights answer to them.

Whoever loads the checkpoint asks its own network the same rows. Another answer means that preprocessing, network or
arithmetic are no longer those that trained, and predictions would be wrong without anybody noticing.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor, nn
from torch.func import functional_call

from worker.training.checkpoint.snapshot import Tensors
from worker.training.data import Split
from worker.training.errors import GoldenRowsDiffer
from worker.training.networks import Model

NUM_ROWS: Final = 8
_INPUTS: Final = "inputs."
_OUTPUTS: Final = "outputs"
#: Processors and versions of PyTorch add up in other orders: outputs differ in the sixth digit, not in the third.
_RELATIVE: Final = 1e-3
_ABSOLUTE: Final = 1e-4


def answered(model: Model, weights: Mapping[str, Tensor], split: Split) -> Tensors:
    """The first rows of a split as `inputs.<name>`, raw, and the `outputs` [N, num_outputs] of these weights for them.

    Computed on the CPU, where predictions are, by the model's own code with the weights put in for the call alone; the
    model stays as it is.
    """
    inputs = {name: values.to("cpu").clone() for name, values in split.first(NUM_ROWS).items()}
    if not len(split):
        return {}
    with torch.inference_mode():
        outputs = _outputs(model, weights, inputs)
    named = {f"{_INPUTS}{name}": values.contiguous() for name, values in inputs.items()}
    return {**named, _OUTPUTS: outputs.float().contiguous()}


def outline(model: Model) -> Model:
    """The modules of a model without weights: what `answered` asks while the model itself is being trained."""
    without = {
        id(weight): nn.Parameter(torch.empty_like(weight, device="meta"), requires_grad=False)
        for weight in model.parameters()
    }
    return copy.deepcopy(model, without)


def check(model: Model, golden: Mapping[str, Tensor]) -> None:
    """Ask a loaded model, on the CPU and in evaluation mode, the golden rows of its checkpoint.

    Raises GoldenRowsDiffer for other answers; a checkpoint without golden rows passes.
    """
    if not golden:
        return
    inputs = {name.removeprefix(_INPUTS): values for name, values in golden.items() if name.startswith(_INPUTS)}
    with torch.inference_mode():
        outputs = model(inputs).float()
    wanted = golden[_OUTPUTS]
    if outputs.shape != wanted.shape or not torch.allclose(outputs, wanted, rtol=_RELATIVE, atol=_ABSOLUTE):
        raise GoldenRowsDiffer


def _outputs(model: Model, weights: Mapping[str, Tensor], inputs: dict[str, Tensor]) -> Tensor:
    # what is not in the state, such as places of indicators, may lie on another device than the rows
    everything = {name: buffer.to("cpu") for name, buffer in model.named_buffers()} | dict(weights)
    modes = _modes(model)
    model.eval()
    try:
        outputs: Tensor = functional_call(model, everything, (inputs,))
        return outputs
    finally:
        for module, is_training in modes.items():
            module.training = is_training


def _modes(model: nn.Module) -> dict[nn.Module, bool]:
    return {module: module.training for module in model.modules()}
