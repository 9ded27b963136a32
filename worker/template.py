"""The template process: imports torch once, warms up, then forks trainers that start at their first step.

    supervisor side ──(control socket: one byte and two descriptors per fork)──> template ──fork──> trainer
                    <──(frames: ready, warm, forked, exited)───────────────────

A process that imports torch and takes its first step needs seconds; a fork of one that has done so needs milliseconds.
Whatever else is slow the first time is done between requests, and told once it is done: a trainer that was forked
before that would have to do it for itself. Two rules keep the fork safe: torch computes with one thread here (a child
of a process that has computed with two hangs in OpenMP), and CUDA is never touched (a context does not survive a fork).
"""

from __future__ import annotations

import ctypes
import gc
import os
import select
import selectors
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from worker.messages import DRY_RUN, PREDICT, PROBE, TRAIN, Frame

#: Runs a trainer on its channel and answers the exit code.
Run = Callable[[socket.socket], int]

_PR_SET_PDEATHSIG: Final = 1
_CRASHED: Final = 1
#: Chores wait for such a pause: the first spares are asked for in the moment that the template is ready.
_LULL_SECONDS: Final = 0.1
_NUM_DESCRIPTORS: Final = 2  # a trainer's channel and its output


class Template:
    """Forks a trainer per request, reports what becomes of each, and takes all of them along when it dies."""

    def __init__(
        self, control: socket.socket, *, runs: Mapping[bytes, Run], chores: Sequence[Callable[[], object]] = ()
    ) -> None:
        """`runs` says what a child does, by the byte that asks for it; `chores` are done while nobody asks."""
        self._control = control
        self._runs = runs
        self._chores = deque(chores)
        self._children: set[int] = set()
        self._wakeup, self._alarm = socket.socketpair()
        self._selector = selectors.DefaultSelector()

    def serve(self) -> None:
        """Fork and reap until the other end of the control socket closes; then kill every child and return."""
        self._listen()
        self._tell(Frame("ready"))
        while True:
            ready = {key.fileobj for key, _ in self._selector.select(_LULL_SECONDS if self._chores else None)}
            if self._wakeup in ready:
                self._reap()
            if self._control in ready and not self._answer():
                break
            if not ready and self._chores:
                self._do(self._chores.popleft())
        for pid in self._children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _listen(self) -> None:
        for end in (self._wakeup, self._alarm):
            os.set_blocking(end.fileno(), False)
        signal.set_wakeup_fd(self._alarm.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # without a handler nothing is written to the wakeup descriptor
        for channel in (self._control, self._wakeup):
            self._selector.register(channel, selectors.EVENT_READ)

    def _answer(self) -> bool:
        """Serve one request; False once nobody is left to serve."""
        try:
            request, descriptors, _, _ = socket.recv_fds(self._control, 1, _NUM_DESCRIPTORS)
        except ConnectionError:
            return False
        if not request:
            return False
        pid = _forked(descriptors)
        if pid == 0:
            os._exit(self._become(request, *descriptors))
        for descriptor in descriptors:
            os.close(descriptor)
        if pid is not None:
            self._children.add(pid)
        return self._tell(Frame("forked", {"pid": pid}))

    def _do(self, chore: Callable[[], object]) -> None:
        """Do a chore; one that fails costs the trainers time and nothing else."""
        try:
            chore()
        except Exception:  # noqa: BLE001
            sys.excepthook(*sys.exc_info())
        if not self._chores:
            freeze()
            self._tell(Frame("warm"))

    def _reap(self) -> None:
        with suppress(BlockingIOError):
            while self._wakeup.recv(4096):
                pass
        for pid in list(self._children):
            reaped, status = os.waitpid(pid, os.WNOHANG)
            if reaped:
                self._children.discard(pid)
                self._tell(Frame("exited", {"pid": pid, "status": os.waitstatus_to_exitcode(status)}))

    def _tell(self, frame: Frame) -> bool:
        try:
            self._control.sendall(frame.encode())
        except ConnectionError:
            return False
        return True

    def _become(self, request: bytes, channel: int, output: int) -> int:
        """Everything a fresh child does; answers its exit code."""
        parent = os.getppid()
        try:
            os.setsid()
            die_with_parent()
            if os.getppid() != parent:
                return _CRASHED
            self._let_go()
            os.dup2(output, sys.stdout.fileno())
            os.dup2(output, sys.stderr.fileno())
            os.close(output)
            gc.enable()
            return self._runs[request](socket.socket(fileno=channel))
        except BaseException:  # noqa: BLE001  a child must never return into the template's loop
            sys.excepthook(*sys.exc_info())
            return _CRASHED
        finally:
            sys.stdout.flush()
            sys.stderr.flush()

    def _let_go(self) -> None:
        """Close what belongs to the template and restore the signals it had changed."""
        signal.set_wakeup_fd(-1)
        for changed in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(changed, signal.SIG_DFL)
        self._selector.close()
        for channel in (self._control, self._wakeup, self._alarm):
            channel.close()


def _forked(descriptors: Sequence[int]) -> int | None:
    """The child's process id, 0 in the child itself; None where the system has no room for a fork or what it needs."""
    if len(descriptors) < _NUM_DESCRIPTORS:
        sys.stderr.write("no trainer is forked: this process may open no more files\n")
        return None
    try:
        return os.fork()
    except OSError as error:
        sys.stderr.write(f"no trainer is forked: {error}\n")
        return None


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent dies (Linux; elsewhere only the closed channel tells it)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def freeze() -> None:
    """Keep the garbage collector off what is shared with every fork: it would write to all of it."""
    gc.collect()
    gc.disable()
    gc.freeze()


def start(
    *,
    run: Run,
    warm_up: Callable[[], Sequence[Callable[[], object]]],
    predict: Run | None = None,
    probe: Run | None = None,
    dry_run: Run | None = None,
) -> None:
    """The body of a template process whose control socket is the descriptor named by the last argument.

    Its children train by `run` and, where they are given, predict by `predict`, try their device by `probe` and a job
    by `dry_run`.
    `warm_up` does what must be done before the first of them, and answers what is left to do.
    """
    control = socket.socket(fileno=int(sys.argv[-1]))
    for ours in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ours, signal.SIG_IGN)  # the supervisor side drains first, then closes the socket
    chores = warm_up()
    freeze()
    asked = {TRAIN: run, PREDICT: predict, PROBE: probe, DRY_RUN: dry_run}
    Template(control, runs={byte: what for byte, what in asked.items() if what is not None}, chores=chores).serve()
    os._exit(0)


def _is_alone(descriptor: int) -> bool:
    """Whether nobody holds the other end of a socket."""
    poll = select.poll()
    poll.register(descriptor, 0)
    return bool(poll.poll(0))  # nothing was asked for, so only a hang-up or an error is told


def main() -> None:
    """A template whose trainers train; what it forks from is imported here, not by those who only need `Template`."""
    die_with_parent()  # while it imports and warms up, it does not look at its control socket
    if _is_alone(int(sys.argv[-1])):
        return  # whoever started it died before the kernel could be asked
    from worker import dry_run, predictor, probe, trainer
    from worker.training import train
    from worker.warm_up import rehearse, warm_up

    start(
        run=lambda channel: trainer.run(channel, train=train, rehearse=rehearse),
        predict=predictor.run,
        probe=probe.run,
        dry_run=dry_run.run,
        warm_up=warm_up,
    )


if __name__ == "__main__":
    main()
