"""What an attempt has to carry where its worker shares no disk with the store: provisions on the way in, checkpoints on
the way out.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from models.artifacts import ArtifactStore, is_remote
from models.checkpoints import Checkpoint
from models.endings import Ending
from models.leases import Claim
from worker.exits import Reason
from worker.ledger import folder_key
from worker.messages import Frame
from worker.porter import Porter
from worker.provisions import Missing, Provisions
from worker.storage import Abandoned
from worker.verdict import BROKEN

log = logging.getLogger(__name__)

PHASE: Final = "fetching"
_CLOSING_SECONDS: Final = 5.0


class NoLuggage:
    """Where the store shares this worker's disk: data is here, and checkpoints lie where they stay."""

    is_fetching: Final = False

    def __init__(self, store: ArtifactStore | None = None) -> None:
        self.discarding: Final = store

    def begin(
        self,
        start: Frame,
        *,
        tell: Callable[[Frame], None],  # noqa: ARG002
        on_sign: Callable[[], None],  # noqa: ARG002
        on_ready: Callable[[Frame], None],
        on_missing: Callable[[Reason], None],  # noqa: ARG002
    ) -> None:
        """The attempt can begin."""
        on_ready(start)

    def carry(self, frame: Frame, *, tell: Callable[[Frame], None]) -> None:
        """What the trainer says is told."""
        tell(frame)

    def abandon(self) -> None:
        """Nothing is on its way."""

    def settle(self, ending: Ending, **_: Any) -> Ending:
        """Everything is stored."""
        return ending

    def close(self, folder: Path) -> None:
        """Delete what a trainer that was killed has not finished."""
        for unfinished in folder.glob(".tmp-*"):
            shutil.rmtree(unfinished, ignore_errors=True)


class Luggage:
    """Of one attempt; the supervisor begins, settles and closes it."""

    def __init__(self, provisions: Provisions, porter: Porter) -> None:
        self.discarding: Final = porter
        self.is_fetching = True
        self._porter = porter
        self._provisions = provisions
        self._thread: threading.Thread | None = None

    def begin(
        self,
        start: Frame,
        *,
        tell: Callable[[Frame], None],
        on_sign: Callable[[], None],
        on_ready: Callable[[Frame], None],
        on_missing: Callable[[Reason], None],
    ) -> None:
        """Fetch what the start frame lacks; one of `on_ready` and `on_missing` is called, unless it is abandoned.

        `tell` hears what is to be written to the database.
        """
        self._porter.start(tell)
        tell(Frame("phase", {"phase": PHASE}))

        def bring() -> None:
            try:
                found = self._provisions.bring(on_sign=on_sign, tell=tell)
            except Abandoned:
                return
            except Missing as missing:
                on_missing(missing.reason)
            except Exception:
                log.exception("%s: what it needs cannot be fetched", start.fields["directory"])
                on_missing(BROKEN)
            else:
                self.is_fetching = False
                on_ready(Frame("start", {**start.fields, **found}))

        self._thread = threading.Thread(target=bring, name="provisions", daemon=True)
        self._thread.start()

    def carry(self, frame: Frame, *, tell: Callable[[Frame], None]) -> None:
        """What the trainer says is told, a checkpoint once it is stored."""
        if frame.kind == "checkpoint":
            self._porter.put(frame)
        else:
            tell(frame)

    def abandon(self) -> None:
        """The attempt will not begin."""
        self._provisions.abandon()

    def settle(
        self, ending: Ending, *, patience_seconds: float, is_over: Callable[[], bool], give_up: threading.Event
    ) -> Ending:
        """See `Porter.settle`."""
        return self._porter.settle(ending, patience_seconds=patience_seconds, is_over=is_over, give_up=give_up)

    def close(self, folder: Path) -> None:
        """Let everything go; `folder` is the attempt's own."""
        self.abandon()
        if self._thread is not None:
            self._thread.join(_CLOSING_SECONDS)
        self._provisions.release()
        self._porter.close(folder)


def luggage_of(
    store: ArtifactStore,
    claim: Claim,
    *,
    source: Mapping[str, Any],
    begin: Checkpoint | None,
    patience_seconds: float,
) -> Luggage | NoLuggage:
    """What a claimed job has to carry."""
    if not is_remote(store):
        return NoLuggage(store)
    provisions = Provisions(store, source=source, resume=claim.resume, begin=begin, patience_seconds=patience_seconds)
    return Luggage(provisions, Porter(store, folder_key(claim.lease)))
