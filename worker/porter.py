"""Carries an attempt's checkpoints to an object store: a thread, one at a time, the manifest of each last.

A checkpoint is durable on this worker's disk before it is given here, and told to the database only when the store has
all of it. Training is never held up: while the store is away or slow, the newest and the best wait, and those between
are passed over.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from models.artifacts.keys import MANIFEST
from models.endings import Ending
from models.errors import Unavailable
from models.fingerprints import file_sha256
from models.status import Outcome
from worker.exits import Reason
from worker.messages import Frame
from worker.storage import Abandoned, Patience, reason_of

if TYPE_CHECKING:
    from models.artifacts.objects import ObjectStore

log = logging.getLogger(__name__)

_DIGEST_CHARACTERS: Final = 16
_FOREVER: Final = float("inf")
_POLL_SECONDS: Final = 0.1
_CLOSING_SECONDS: Final = 5.0
#: What the store's library may take until it tells that a try has failed.
_ANSWER_SECONDS: Final = 60.0


@dataclass
class _Load:
    """A checkpoint that waits, and which of its files are stored already."""

    frame: Frame
    stored: set[str] = field(default_factory=set)

    @property
    def path(self) -> Path:
        return Path(self.frame.fields["path"])

    @property
    def sha256(self) -> str:
        return str(self.frame.fields["manifest_sha256"])

    @property
    def name(self) -> str:
        """Another for every content of a step: what is stored is never changed."""
        return f"{self.path.name}-{self.sha256[:_DIGEST_CHARACTERS]}"


class Porter:
    """One attempt's way to the store. Put frames in from any thread; they come out by `pass_on`."""

    def __init__(self, store: ObjectStore, key: str) -> None:
        """`key` is where the attempt's checkpoints go."""
        self._store = store
        self._key = key
        self._pass_on: Callable[[Frame], None] = lambda _: None
        self._waiting: deque[_Load] = deque()
        self._current: _Load | None = None
        self._outdated: deque[str] = deque()
        self._stored: dict[str, _Load] = {}  # by location
        self._changed = threading.Condition()
        self._abandoned = threading.Event()
        self._moved_at = time.monotonic()
        self._trouble: Unavailable | OSError | None = None
        self._thread = threading.Thread(target=self._run, name=f"porter {key}", daemon=True)

    def start(self, pass_on: Callable[[Frame], None]) -> None:
        """Begin to carry; `pass_on` hears of each checkpoint that is stored, and of a store that fails."""
        self._pass_on = pass_on
        self._thread.start()

    def put(self, frame: Frame) -> None:
        """Leave a checkpoint to be carried; the same one told again, of more kinds, is carried once."""
        load = _Load(frame)
        with self._changed:
            for waiting in self._waiting:
                if (waiting.path, waiting.sha256) == (load.path, load.sha256):
                    waiting.frame = frame
                    return
            self._waiting.append(load)
            self._thin_out()
            self._changed.notify_all()

    def delete(self, key: str) -> None:
        """Leave a checkpoint that no row names to be deleted, here and there."""
        with self._changed:
            self._outdated.append(key)
            self._changed.notify_all()

    def settle(
        self, ending: Ending, *, patience_seconds: float, is_over: Callable[[], bool], give_up: threading.Event
    ) -> Ending:
        """Wait until everything is stored, as long as the store gets on; the ending, or what it comes to without.

        `is_over` tells that nobody wants the result any more, `give_up` that the worker must stop.
        """
        self._moved_at = time.monotonic()
        while not self._is_idle():
            if is_over() or ending.outcome is Outcome.CANCELLED:
                return Ending(outcome=Outcome.CANCELLED)
            if give_up.is_set():
                return ending if ending.outcome is Outcome.FAILED else Ending(outcome=Outcome.DRAINED)
            grace = 0.0 if self._trouble is not None else _ANSWER_SECONDS  # a reason is better than none
            if time.monotonic() - self._moved_at > patience_seconds + grace:
                return self._without(ending)
            with self._changed:
                self._changed.wait(_POLL_SECONDS)
        return ending

    def close(self, folder: Path) -> None:
        """Stop, keep what is stored where it may be wanted again, and delete the attempt's own folder."""
        self._abandoned.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(_CLOSING_SECONDS)
        if self._trouble is None:
            self._delete_outdated()
        for load in list(self._stored.values()):
            try:
                if load.path.is_dir() and _is_of(load.path, load.sha256):
                    self._store.keep_checkpoint(load.path, manifest_sha256=load.sha256)
            except OSError:
                log.warning("%s cannot be kept for later", load.path, exc_info=True)
        shutil.rmtree(folder, ignore_errors=True)

    def _is_idle(self) -> bool:
        with self._changed:
            return not self._waiting and self._current is None

    def _without(self, ending: Ending) -> Ending:
        """What an attempt comes to whose last checkpoints cannot be stored."""
        log.error("%s: its last checkpoints cannot be stored: %s", self._key, self._trouble)
        if ending.outcome not in {Outcome.SUCCEEDED, Outcome.PAUSED}:
            return ending
        trouble = self._trouble
        stuck = Reason("storage_away", "The artifact store takes the last checkpoints too slowly.")
        reason = stuck if trouble is None else reason_of(trouble)
        return Ending(outcome=Outcome.FAILED, reason=reason._asdict())

    def _thin_out(self) -> None:
        """Keep the final, the newest and the newest best of what waits; the caller holds the lock."""
        kept = [load for load in self._waiting if "final" in load.frame.fields["kinds"]]
        kept += [load for load in self._waiting if "best" in load.frame.fields["kinds"]][-1:]
        kept.append(self._waiting[-1])
        for load in [load for load in self._waiting if all(load is not one for one in kept)]:
            self._waiting.remove(load)
            if all(load.path != one.path for one in (*kept, self._current) if one is not None):
                shutil.rmtree(load.path, ignore_errors=True)

    def _run(self) -> None:
        watch = Patience(_FOREVER, on_sign=self._note_move, abandoned=self._abandoned)
        try:
            while self._take():
                self._carry_patiently(watch)
                self._delete_outdated()
        except Abandoned:
            return
        except Exception:  # the attempt ends by the patience of `settle`
            log.exception("%s: carrying its checkpoints has failed", self._key)

    def _take(self) -> bool:
        """Wait for something to do; False when there will be nothing more."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._outdated or self._abandoned.is_set())
            self._current = self._waiting.popleft() if self._waiting else None
            return not self._abandoned.is_set()

    def _carry_patiently(self, watch: Patience) -> None:
        while (load := self._current) is not None:
            try:
                self._carry(load, watch)
            except (FileNotFoundError, ValueError):
                log.info("%s: %s was replaced before it was stored", self._key, load.name)
            except (Unavailable, OSError) as error:
                self._complain(load, error)
                watch.trouble(error if isinstance(error, Unavailable) else Unavailable(str(error)))
                self._take_newer(load)
                continue
            else:
                self._trouble = None
            with self._changed:
                self._current = None
                self._changed.notify_all()

    def _take_newer(self, load: _Load) -> None:
        """After a failure: go on with this one, unless it has become one to pass over."""
        with self._changed:
            self._waiting.appendleft(load)
            self._thin_out()
            self._current = self._waiting.popleft()

    def _carry(self, load: _Load, watch: Patience) -> None:
        """Store what is missing of a checkpoint, its manifest last, and pass it on."""
        location = f"{self._key}/{load.name}"
        if location not in self._stored:
            folder = os.open(load.path, os.O_RDONLY | os.O_DIRECTORY)  # stays the same when the path is replaced
            try:
                for entry in sorted(load.frame.fields["files"], key=lambda entry: entry["name"] == MANIFEST):
                    if entry["name"] not in load.stored:
                        self._send(folder, entry, location, watch)
                        load.stored.add(entry["name"])
            finally:
                os.close(folder)
            self._stored[location] = load
        fields = {**load.frame.fields, "location": location}
        self._pass_on(replace(load.frame, fields=fields))

    def _send(self, folder: int, entry: dict[str, Any], location: str, watch: Patience) -> None:
        descriptor = os.open(entry["name"], os.O_RDONLY, dir_fd=folder)
        with os.fdopen(descriptor, "rb") as file:
            self._store.send(file, f"{location}/{entry['name']}", sha256=entry["sha256"], watch=watch)
        watch.sign()

    def _note_move(self) -> None:
        self._moved_at = time.monotonic()

    def _complain(self, load: _Load, error: Unavailable | OSError) -> None:
        """Say so once for every outage; training goes on."""
        is_first, self._trouble = self._trouble is None, error
        if is_first:
            reason = reason_of(error)
            log.warning("%s: %s cannot be stored yet: %s", self._key, load.name, reason.message)
            message = f"A checkpoint cannot be stored yet; training goes on. {reason.message}"
            self._pass_on(Frame("warning", {"code": reason.code, "message": message}))

    def _delete_outdated(self) -> None:
        while self._outdated:
            location = self._outdated.popleft()
            load = self._stored.pop(location, None)
            if load is not None and _is_of(load.path, load.sha256):
                shutil.rmtree(load.path, ignore_errors=True)
            try:
                self._store.delete(location)
            except Unavailable as error:
                log.warning("%s is left to the sweep: %s", location, error.detail)


def _is_of(folder: Path, sha256: str) -> bool:
    """Whether a folder still is the checkpoint with this manifest: a rewound run may have written its step anew."""
    try:
        return file_sha256(folder / MANIFEST) == sha256
    except OSError:
        return False
