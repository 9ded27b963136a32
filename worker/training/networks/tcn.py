"""The temporal convolutional network: causal convolutions whose reach doubles from block to block."""

from __future__ import annotations

from torch import Tensor, nn

from models.spec import network as specs
from worker.training.data import Signature
from worker.training.networks.blocks import ACTIVATIONS, Skip
from worker.training.networks.inputs import Batch
from worker.training.networks.sequences import POOLINGS, sequence_input


class CausalConvolution(nn.Module):
    """A convolution over steps [N, T, width] that sees a step and those before it, `dilation` apart."""

    def __init__(self, width: int, channels: int, *, kernel_size: int, dilation: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(width, channels, kernel_size, dilation=dilation)
        self.reach = (kernel_size - 1) * dilation

    def forward(self, steps: Tensor) -> Tensor:
        """[N, T, width] to [N, T, channels]."""
        padded = nn.functional.pad(steps.transpose(1, 2), (self.reach, 0))
        convolved: Tensor = self.convolution(padded)
        return convolved.transpose(1, 2)


class Tcn(nn.Module):
    """Residual blocks of two causal convolutions each, and a linear head.

    Nothing is normalized across steps, so padding behind a text's end cannot reach its valid steps.
    """

    def __init__(self, spec: specs.Tcn, signature: Signature) -> None:
        super().__init__()
        self.input = sequence_input(signature, embedding_dim=spec.embedding_dim)
        self.pooling = spec.pooling
        width = self.input.width
        blocks: list[nn.Module] = []
        for number, channels in enumerate(spec.channels):
            shortcut = None if width == channels else nn.Linear(width, channels)
            blocks.append(Skip(_block(spec, width, channels, dilation=2**number), shortcut=shortcut))
            blocks.append(ACTIVATIONS[spec.activation]())
            width = channels
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(width, signature.num_outputs)

    def forward(self, batch: Batch) -> Tensor:
        """ "series" [N, T, F] or "tokens" [N, T] to outputs [N, num_outputs]."""
        steps, valid = self.input(batch)
        outputs: Tensor = self.head(POOLINGS[self.pooling](self.blocks(steps), valid))
        return outputs


def _block(spec: specs.Tcn, width: int, channels: int, *, dilation: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for num_inputs in (width, channels):
        layers.append(CausalConvolution(num_inputs, channels, kernel_size=spec.kernel_size, dilation=dilation))
        if spec.norm == "layer":
            layers.append(nn.LayerNorm(channels))
        layers += [ACTIVATIONS[spec.activation](), nn.Dropout(spec.dropout)]
    return nn.Sequential(*layers)
