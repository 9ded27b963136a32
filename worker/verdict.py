"""What an attempt came to: from the trainer's last words, its exit status and what the supervisor did, to an ending."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from models.endings import Ending
from models.fingerprints import file_sha256
from models.status import Outcome
from worker.exits import Exit, Reason, explain
from worker.messages import Frame

MANIFEST: Final = "manifest.json"

TIMEOUT: Final = Reason("timeout", "The attempt has run for as long as `max_runtime` allows.", "#/max_runtime", "user")
HUNG: Final = Reason("hung", "The trainer made no step for too long and was killed; its log shows where it stood.")
UNSTORABLE: Final = Reason("internal_error", "What the trainer said cannot be stored; the worker's log says why.")
GARBLED: Final = Reason("internal_error", "The trainer wrote something into its channel that is no message.")
BROKEN: Final = Reason("internal_error", "The supervisor of this attempt has failed; the worker's log says why.")
NO_MODEL: Final = Reason("internal_error", "The trainer reported success without a final checkpoint.")


@dataclass(kw_only=True)
class Seen:
    """Everything about a trainer's end that a verdict needs."""

    last: Frame | None = None  # finished or failed
    final: Frame | None = None  # the checkpoint of the finished model
    status: int | None = None  # exit status, where there were no last words
    oom_kills: int = 0
    cause: Reason | None = None  # why the supervisor itself ended the run, if it did
    order: str | None = None  # what the trainer was asked to do last
    was_killed: bool = False


def verdict(seen: Seen) -> Ending:
    """The ending of an attempt."""
    match seen.last:
        case Frame(kind="finished", fields={"outcome": "succeeded", "result": result}):
            return _success(result, seen.final)
        case Frame(kind="finished", fields={"outcome": outcome}) if seen.cause is None:
            return Ending(outcome=Outcome(outcome))
        case Frame(kind="failed", fields=fields):
            return Ending(outcome=Outcome.FAILED, reason=fields)
    if seen.cause is not None:
        return _failure(seen.cause)
    return _without_words(seen)


def _without_words(seen: Seen) -> Ending:
    if seen.order == "cancel":
        return Ending(outcome=Outcome.CANCELLED)
    if seen.was_killed and seen.order == "pause":
        return Ending(outcome=Outcome.PAUSED)  # before it had begun
    if seen.status == Exit.DRAINED or (seen.was_killed and seen.order == "drain"):
        return Ending(outcome=Outcome.DRAINED)
    return _failure(explain(seen.status, oom_kills=seen.oom_kills))


def _success(result: Mapping[str, Any], final: Frame | None) -> Ending:
    if final is None:
        return _failure(NO_MODEL)
    try:
        digest = verified(final.fields)
    except (OSError, ValueError) as error:
        return _failure(Reason("storage_fault", f"The finished model is not on disk as it was saved: {error}"))
    return Ending(outcome=Outcome.SUCCEEDED, result=result, digest=digest)


def _failure(reason: Reason) -> Ending:
    return Ending(outcome=Outcome.FAILED, reason=reason._asdict())


def verified(checkpoint: Mapping[str, Any]) -> str:
    """The sha256 of a checkpoint's manifest, after reading every file back.

    Raises OSError where a file cannot be read and ValueError where it is not what was saved.
    """
    folder = Path(checkpoint["path"])
    for file in checkpoint["files"]:
        if file_sha256(folder / file["name"]) != file["sha256"]:
            raise ValueError(f"{file['name']} has other content than its digest says")
    digest = file_sha256(folder / MANIFEST)
    if digest != checkpoint["manifest_sha256"]:
        raise ValueError(f"{MANIFEST} has other content than its digest says")
    return digest
