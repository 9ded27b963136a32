"""The shapes of what is trained, by the name that the spec gives them.

Adding one: a class in `models/spec/network.py`, a module here, an entry in `NETWORKS`, a test. A network takes its spec
and a signature, reads a batch of preprocessed tensors and answers with outputs [N, num_outputs].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from models.spec import network as specs
from worker.training.data import Signature
from worker.training.networks.cnn import Cnn
from worker.training.networks.mlp import Mlp
from worker.training.networks.model import Model
from worker.training.networks.recurrent import Recurrent

__all__ = ["NETWORKS", "Model", "build"]

NETWORKS: Mapping[type, Callable[[Any, Signature], nn.Module]] = {
    specs.Mlp: Mlp,
    specs.Cnn: Cnn,
    specs.Rnn: Recurrent,
    specs.Lstm: Recurrent,
    specs.Gru: Recurrent,
}


def build(spec: specs.Network, signature: Signature) -> nn.Module:
    """The network of a resolved spec, with weights drawn from the default generator."""
    return NETWORKS[type(spec)](spec, signature)
