"""Why attempts fail: every code there is, whose fault it is, and what happens then. `python -m models.reasons` prints
the table of `docs/reliability.md`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from models.status import Fault


class Cause(NamedTuple):
    """What is behind a code."""

    fault: Fault
    meaning: str
    then: str


_RETRIED: Final = "tried again, from the last checkpoint"
_FAILS: Final = "fails, unless `retries.user` is more than 0"

#: Codes that say that there will be room, not that the job gets nowhere: waited for longer, and no sign of a stall.
PASSING: Final = frozenset({"storage_full", "storage_away"})

REASONS: Final[Mapping[str, Cause]] = MappingProxyType(
    {
        "invalid_spec": Cause(Fault.USER, "The spec does not fit the data after all.", _FAILS),
        "invalid_data": Cause(Fault.USER, "The data cannot be read, or its dataset is gone.", _FAILS),
        "init_mismatch": Cause(Fault.USER, "The checkpoint of `init_from` does not fit the network.", _FAILS),
        "nothing_for_muon": Cause(Fault.USER, "The network has no weights that Muon can train.", _FAILS),
        "no_such_arithmetic": Cause(Fault.USER, "The device does not compute in the precision asked for.", _FAILS),
        "no_compiler": Cause(Fault.USER, "The worker has no C++ compiler for `training.compile`.", _FAILS),
        "not_compiled": Cause(Fault.USER, "The network cannot be compiled.", _FAILS),
        "diverged": Cause(
            Fault.USER,
            "The loss or a gradient stopped being finite; the weights were not touched by it.",
            "fails, or goes back and on with a lower rate: `training.on_divergence`",
        ),
        "out_of_memory": Cause(Fault.USER, "The job does not fit into the memory of its device.", _FAILS),
        "timeout": Cause(Fault.USER, "The attempt ran for as long as `max_runtime` allows.", _FAILS),
        "no_gpu": Cause(Fault.INFRASTRUCTURE, "The worker has lost the GPU that the job asks for.", _RETRIED),
        "gpu_fault": Cause(Fault.INFRASTRUCTURE, "The device failed.", _RETRIED),
        "host_oom": Cause(Fault.INFRASTRUCTURE, "The kernel ran out of memory and killed the trainer.", _RETRIED),
        "storage_full": Cause(
            Fault.INFRASTRUCTURE,
            "There is no room left for a checkpoint, or for the data of the job.",
            f"{_RETRIED}, after longer and longer waits",
        ),
        "storage_away": Cause(
            Fault.INFRASTRUCTURE,
            "The object store did not answer for too long, with data or checkpoints still to be moved.",
            f"{_RETRIED}, after longer and longer waits",
        ),
        "storage_fault": Cause(
            Fault.INFRASTRUCTURE,
            "The finished model is not stored as it was saved, the content of the dataset is damaged or gone, or the "
            "object store refuses its credentials.",
            _RETRIED,
        ),
        "checkpoint_refused": Cause(Fault.INFRASTRUCTURE, "A checkpoint that was loaded is damaged.", _RETRIED),
        "golden_rows_differ": Cause(
            Fault.INFRASTRUCTURE, "A checkpoint answers differently from when it was saved.", _RETRIED
        ),
        "hung": Cause(
            Fault.INFRASTRUCTURE,
            "The trainer gave no sign of life for too long; its log has the stack of every thread.",
            _RETRIED,
        ),
        "trainer_killed": Cause(Fault.INFRASTRUCTURE, "The trainer was ended by a signal.", _RETRIED),
        "trainer_vanished": Cause(Fault.INFRASTRUCTURE, "The trainer ended without a result.", _RETRIED),
        "worker_lost": Cause(Fault.INFRASTRUCTURE, "The worker, or what it forks trainers from, died.", _RETRIED),
        "internal_error": Cause(Fault.INFRASTRUCTURE, "Trainyard itself failed; the log has the traceback.", _RETRIED),
        "no_progress": Cause(
            Fault.INFRASTRUCTURE, "Three attempts in a row ended without a newer checkpoint.", "fails"
        ),
    }
)


def table() -> Iterator[str]:
    """The lines of a Markdown table."""
    yield "| code | fault | what it means | the job |"
    yield "|---|---|---|---|"
    for code, cause in REASONS.items():
        yield f"| `{code}` | {cause.fault} | {cause.meaning} | {cause.then} |"


if __name__ == "__main__":
    sys.stdout.write("\n".join(table()) + "\n")
