"""Child processes that never outlive their parent, however it dies."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1
"""prctl(2): ask the kernel for a signal when the parent dies; survives exec."""


def spawn(
    command: Sequence[str],
    *,
    log: Path | None = None,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    when_orphaned: signal.Signals = signal.SIGTERM,
    user: tuple[int, int] | None = None,
    keep: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own, its output appended to `log` (default: inherited).

    The child gets `when_orphaned` when this process dies, even by SIGKILL (Linux; elsewhere only an orderly stop
    reaches it). Call from the main thread: the kernel watches the spawning thread, not the process. `user` is
    (uid, gid); `keep` lists the file descriptors that the child inherits. Raises OSError when the command cannot start.
    """
    uid, gid = user or (None, None)
    output = log.open("ab") if log else None
    try:
        return subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            env=dict(environment) if environment is not None else None,
            cwd=directory,
            start_new_session=True,
            preexec_fn=_tether(when_orphaned),
            user=uid,
            group=gid,
            extra_groups=[] if user else None,
            pass_fds=keep,
        )
    finally:
        if output:
            output.close()


def stop(process: subprocess.Popen[bytes], *, how: signal.Signals = signal.SIGTERM, grace_seconds: float = 10.0) -> int:
    """Signal `process`, wait `grace_seconds`, then SIGKILL; return its exit status (negative: what signal ended it)."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            return process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def _tether(death_signal: signal.Signals) -> Callable[[], None]:
    """Return what a fresh child runs before exec; everything it needs is looked up here, before the fork."""
    if sys.platform != "linux":
        return lambda: None
    parent = os.getpid()
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def tie() -> None:
        prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:  # died between fork and prctl: the signal will never come
            os._exit(1)

    return tie
