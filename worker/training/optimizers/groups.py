"""Which weights of a network are treated alike."""

from __future__ import annotations

from typing import Any

from torch import nn

from models.spec import optimizer as specs

Groups = list[dict[str, Any]]


def matrices(network: nn.Module) -> list[nn.Parameter]:
    """The weights that penalties and weight decay apply to: those of two dimensions or more that are no embedding.

    A row of an embedding is only in the gradient when its category is in the batch; decay would wear out rare ones.
    """
    embedded = {id(module.weight) for module in network.modules() if isinstance(module, nn.Embedding | nn.EmbeddingBag)}
    return [parameter for parameter in network.parameters() if parameter.ndim >= 2 and id(parameter) not in embedded]


def rate_of(spec: specs.Optimizer) -> float:
    """The learning rate. Raises ValueError where it has still to be found."""
    if spec.learning_rate == "auto":
        raise ValueError("the spec is not resolved")
    return spec.learning_rate


def groups(spec: specs.Optimizer, network: nn.Module) -> Groups:
    """Parameters with their rate and weight decay: one group, or two where only the matrices decay."""
    decay = getattr(spec, "weight_decay", 0.0)
    decaying = matrices(network) if decay else []
    return filled(decaying, spec=spec, weight_decay=decay) + filled(
        others(network, decaying), spec=spec, weight_decay=0.0
    )


def others(network: nn.Module, chosen: list[nn.Parameter]) -> list[nn.Parameter]:
    """The parameters that are not among those."""
    known = {id(parameter) for parameter in chosen}
    return [parameter for parameter in network.parameters() if id(parameter) not in known]


def filled(parameters: list[nn.Parameter], *, spec: specs.Optimizer, weight_decay: float, **more: Any) -> Groups:
    """A group of these parameters, or none where there are none."""
    if not parameters:
        return []
    return [{"params": parameters, "lr": rate_of(spec), "weight_decay": weight_decay, **more}]
