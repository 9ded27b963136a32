"""Signatures, batches for them, and networks as a spec resolves and builds them."""

import torch

from models.spec import parse
from models.spec.network.resolving import Surroundings, resolved_network
from worker.training import networks
from worker.training.data import Signature

TABLE = Signature(kind="table", task="classification", num_outputs=3, num_numbers=5, cardinalities=(4, 9))
IMAGE = Signature(kind="image", task="classification", num_outputs=3, image=(1, 8, 8))
SERIES = Signature(kind="series", task="forecasting", num_outputs=2, series=(12, 3))
TEXT = Signature(kind="text", task="classification", num_outputs=3, text=(10, 20))


def batch_for(signature, *, rows=6):
    generator = torch.Generator().manual_seed(0)
    if signature.image:
        return {"image": torch.randn(rows, *signature.image, generator=generator)}
    if signature.series:
        return {"series": torch.randn(rows, *signature.series, generator=generator)}
    if signature.text:
        length, vocabulary = signature.text
        tokens = torch.randint(1, vocabulary, (rows, length), generator=generator)
        ends = torch.randint(1, length + 1, (rows, 1), generator=generator)
        return {"tokens": tokens * (torch.arange(length) < ends)}
    batch = {"numbers": torch.randn(rows, signature.num_numbers, generator=generator)}
    if signature.cardinalities:
        batch["categories"] = torch.stack(
            [torch.randint(0, n, (rows,), generator=generator) for n in signature.cardinalities], 1
        )
    return batch


def resolved(signature, *, batch_size=32, **network):
    window = signature.series[0] if signature.series else None
    spec = parse({"data": {"dataset": "x"}, "network": network}).network
    return resolved_network(spec, Surroundings(signature.kind, batch_size, signature.image, window))


def built(signature, *, stochastic_depth=0.0, **network):
    torch.manual_seed(0)
    return networks.build(resolved(signature, **network), signature, stochastic_depth=stochastic_depth)


def kinds(model):
    return [type(module).__name__ for module in model.modules()]
