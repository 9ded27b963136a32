"""What TensorBoard's HPARAMS page shows: the choices of a run beside the scores that it ended with.

Field numbers are those of `plugin_data.proto` and `api.proto` in TensorBoard's hparams plugin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from models.hyperparameters import Value
from models.status import Status
from models.tensorboard.events import summary
from models.tensorboard.protobuf import double, message, text, whole

_PLUGIN: Final = "hparams"
_STRING, _BOOL, _FLOAT64 = 1, 2, 3
_ENDINGS: Final = {Status.SUCCEEDED: 1, Status.FAILED: 2, Status.CANCELLED: 2}


def hparams(
    choices: Mapping[str, Value], *, metrics: Iterable[str], group: str, started_at: float, name: str | None = None
) -> bytes:
    """The experiment, which names choices and metrics, and the session, which says what was chosen."""
    infos = [message(4, text(1, choice), whole(4, _type(value))) for choice, value in choices.items()]
    infos += [message(5, message(1, text(2, metric)), text(3, metric)) for metric in metrics]
    experiment = message(2, *([text(6, name)] if name else []), double(3, started_at), *infos)
    chosen = [message(1, text(1, choice), message(2, _value(value))) for choice, value in choices.items()]
    session = message(3, *chosen, text(4, group), double(5, started_at))
    values = (_value_of("_hparams_/experiment", experiment), _value_of("_hparams_/session_start_info", session))
    return summary(*values, step=0, time=started_at)


def session_end(status: Status, *, ended_at: float) -> bytes:
    """How and when the run ended."""
    ending = message(4, whole(1, _ENDINGS[status]), double(2, ended_at))
    return summary(_value_of("_hparams_/session_end_info", ending), step=0, time=ended_at)


def _value_of(tag: str, content: bytes) -> bytes:
    return message(1, text(1, tag), message(9, message(1, text(1, _PLUGIN), message(2, content))))


def _type(value: Value) -> int:
    if isinstance(value, bool):
        return _BOOL
    return _STRING if isinstance(value, str) else _FLOAT64


def _value(value: Value) -> bytes:
    """A google.protobuf.Value."""
    if isinstance(value, bool):
        return whole(4, int(value))
    return text(3, value) if isinstance(value, str) else double(2, float(value))
