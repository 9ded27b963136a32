"""The child process of a tracker: `python -m worker.tracking.child TRACKER DESCRIPTOR`.

It imports the tracker's library, answers its feeder's frames one by one, and dies with it: a thread of its own waits
for the end of the channel, so that it is heard also while the library hangs.
"""

from __future__ import annotations

import os
import queue
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

from models.metric_blobs import Points
from worker.messages import Decoder, Frame
from worker.tracking.sinks import SINKS, Sink

_RECEIVE_BYTES: Final = 1 << 16
_NICENESS: Final = 5
_LONGEST_MESSAGE: Final = 300


def main(tracker: str, descriptor: int) -> None:
    """Answer frames until the last one or the end of the channel."""
    os.nice(_NICENESS)
    channel = socket.socket(fileno=descriptor)
    frames: queue.SimpleQueue[Frame] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(channel, frames), name="channel", daemon=True).start()
    answer = _answering(tracker)
    is_over = False
    while not is_over:
        reply, is_over = answer(frames.get())
        channel.sendall(reply.encode())


def _listen(channel: socket.socket, frames: queue.SimpleQueue[Frame]) -> NoReturn:
    decoder = Decoder()
    while data := channel.recv(_RECEIVE_BYTES):
        for frame in decoder.feed(data):
            frames.put(frame)
    os.killpg(0, signal.SIGKILL)  # the library's own helpers as well
    raise SystemExit


def _answering(tracker: str) -> Callable[[Frame], tuple[Frame, bool]]:
    sink: list[Sink] = []

    def answer(frame: Frame) -> tuple[Frame, bool]:
        try:
            if not sink:
                sink.append(SINKS[tracker]())
            return _do(sink[0], frame)
        except ImportError as error:
            return Frame("refused", {"message": f"{error.name} is not installed on this worker"}), True
        except BaseException as error:  # noqa: BLE001  whatever a library throws is told to the feeder
            return Frame("failed", {"message": _in_a_line(error)}), True

    return answer


def _do(sink: Sink, frame: Frame) -> tuple[Frame, bool]:
    match frame.kind:
        case "open":
            return Frame("opened", {"step": sink.open(frame.fields)}), False
        case "points":
            sink.log(_series(frame))
            return Frame("taken"), False
        case _:
            sink.close(**frame.fields)
            return Frame("closed"), True


def _series(frame: Frame) -> Mapping[str, Points]:
    columns: Any = iter(frame.arrays)
    return {name: Points(next(columns), next(columns), next(columns)) for name in frame.fields["names"]}


def _in_a_line(error: BaseException) -> str:
    words = " ".join(str(error).split()) or type(error).__name__
    return words if len(words) <= _LONGEST_MESSAGE else f"{words[:_LONGEST_MESSAGE]} …"


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
