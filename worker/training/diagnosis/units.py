"""What the units of a network answer to some rows: which are dead or saturated, and whether all answers are one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, Final

import torch
from torch import Tensor, nn

from models.spec.network import Tcn
from worker.training.diagnosis.figures import Answers, Units
from worker.training.evaluation import forward
from worker.training.rows import Rows
from worker.training.session import Session

#: Rows that are looked at, and the fewest that anything is concluded from.
MOST_ROWS: Final = 256
FEWEST_ROWS: Final = 10
#: Rows of more values are taken, and decoded, anew each time.
MOST_KEPT_VALUES: Final = 1 << 20
#: A unit that fewer rows than this share switch on counts as dead.
SMALLEST_ACTIVITY: Final = 0.01
#: Beyond these answers a tanh and a sigmoid have less than a fiftieth of their steepest slope, or a twenty-fifth.
FLAT_TANH: Final = 0.99
FLAT_SIGMOID: Final = 0.01


class Listener:
    """Hears what the activations of a session's network answer to some validation rows, the same ones each time."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._rows: Rows | None = None
        named = session.model.network.named_modules()
        self._measured = [(name, one, measure) for name, one in named if (measure := _MEASURES.get(type(one)))]
        self._has_channels_first = isinstance(session.spec.network, Tcn)

    def __call__(self) -> tuple[list[Units], Answers | None]:
        """Run the rows through the network as it is.

        Draws no random numbers and leaves the network as it was, but in evaluation mode.
        """
        session = self._session
        rows = self._some()
        if len(rows) < FEWEST_ROWS:
            return [], None
        heard: list[Units] = []
        session.model.network.eval()
        with ExitStack() as hooks, torch.inference_mode():
            for name, module, measure in self._measured:
                hook = _hook(heard, name, measure, channels_first=self._has_channels_first)
                hooks.callback(module.register_forward_hook(hook).remove)
            outputs = forward(session.model, rows).float()
            return heard, _answers(session, outputs, rows.targets)

    def _some(self) -> Rows:
        """The rows, kept from one time to the next where they are no burden."""
        if self._rows is not None:
            return self._rows
        rows = _some(self._session.validation if len(self._session.validation) else self._session.train)
        if rows.num_values * len(rows) <= MOST_KEPT_VALUES:
            self._rows = rows
        return rows


def dead_share(answers: Tensor, *, axis: int) -> float:
    """The share of units, along an axis of ReLU answers [N, ...], that fewer than 1 % of the rows switch on."""
    is_on = answers > 0
    if answers.ndim > 2:
        is_on = is_on.movedim(axis, 1).flatten(2).any(dim=2)
    return float((is_on.double().mean(dim=0) < SMALLEST_ACTIVITY).double().mean())


def _hook(
    heard: list[Units], name: str, measure: Callable[..., Units], *, channels_first: bool
) -> Callable[[nn.Module, Any, Tensor], None]:
    def listen(_module: nn.Module, _inputs: Any, answers: Tensor) -> None:
        axis = 1 if answers.ndim in (2, 4) or channels_first else answers.ndim - 1
        heard.append(measure(name, answers, axis))

    return listen


def _relu(name: str, answers: Tensor, axis: int) -> Units:
    return Units(name, dead=dead_share(answers, axis=axis))


def _tanh(name: str, answers: Tensor, _axis: int) -> Units:
    return Units(name, saturated=float((answers.abs() > FLAT_TANH).double().mean()))


def _sigmoid(name: str, answers: Tensor, _axis: int) -> Units:
    return Units(name, saturated=float(((answers - 0.5).abs() > 0.5 - FLAT_SIGMOID).double().mean()))


_MEASURES: Mapping[type[nn.Module], Callable[[str, Tensor, int], Units]] = {
    nn.ReLU: _relu,
    nn.Tanh: _tanh,
    nn.Sigmoid: _sigmoid,
}


def _some(rows: Rows) -> Rows:
    number = min(MOST_ROWS, len(rows))
    places = torch.arange(number, device=rows.index_device) * (len(rows) // max(1, number))
    return rows.take(places)


def _answers(session: Session, outputs: Tensor, targets: Tensor) -> Answers:
    if session.model.is_classifier:
        said = session.model.logits(outputs).argmax(1)
        return Answers(_num_different(said), _num_different(targets), is_classes=True)
    spread = [float(values.double().flatten().std()) for values in (session.model.values(outputs), targets)]
    return Answers(spread[0], spread[1], is_classes=False)


def _num_different(values: Tensor) -> float:
    return float(len(torch.unique(values)))
