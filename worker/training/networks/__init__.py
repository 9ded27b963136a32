"""The shapes of what is trained, by the name that the spec gives them.

Adding one: a class in `models/spec/network/`, a module here, an entry in `NETWORKS`, a test. A network takes its spec
and a signature, reads a batch of preprocessed tensors and answers with outputs [N, num_outputs]; one that is an
ensemble of k may answer with [N, k, num_outputs] while it is trained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from models.spec import network as specs
from worker.training.data import Signature
from worker.training.networks.anchored import Anchored
from worker.training.networks.blocks import deepen_stochastically
from worker.training.networks.cnn import Cnn
from worker.training.networks.initialization import initialize
from worker.training.networks.mlp import Mlp
from worker.training.networks.model import Model
from worker.training.networks.recurrent import Recurrent
from worker.training.networks.resnet import ResNet
from worker.training.networks.stack import Stack
from worker.training.networks.tabm import Features, TabM
from worker.training.networks.tcn import Tcn
from worker.training.networks.transformer import Transformer

__all__ = ["NETWORKS", "Model", "build", "to_fit"]

NETWORKS: Mapping[type, Callable[[Any, Signature], nn.Module]] = {
    specs.Mlp: Mlp,
    specs.TabM: TabM,
    specs.Cnn: Cnn,
    specs.ResNet: ResNet,
    specs.Rnn: Recurrent,
    specs.Lstm: Recurrent,
    specs.Gru: Recurrent,
    specs.Tcn: Tcn,
    specs.Transformer: Transformer,
    specs.Layers: Stack,
}


def build(spec: specs.Network, signature: Signature, *, stochastic_depth: float = 0.0) -> nn.Module:
    """The network of a resolved spec, with weights drawn from the default generator."""
    network = NETWORKS[type(spec)](spec, signature)
    if isinstance(spec, specs.Initialized):
        initialize(network, scheme=spec.initialization)
    deepen_stochastically(network, drop=stochastic_depth)
    if not signature.anchored:
        return network
    return Anchored(network, num_outputs=signature.num_outputs, each=max(1, len(signature.quantiles)))


def to_fit(network: nn.Module) -> list[Features]:
    """The parts of a network that measure something on preprocessed training rows before it is trained."""
    return [module for module in network.modules() if isinstance(module, Features)]
