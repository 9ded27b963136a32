"""Server-sent events of a job, resumed after every cut.

Frames with an `id` move `Last-Event-ID`: entries of the event log on a job's event stream, bytes on its log stream. The
event stream also carries frames without one (`progress`, `metrics`, `log`) for what has its own endpoint. Who reads
those is told by a CONNECTED frame to fetch what was missed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

import httpx2

from ._exceptions import ServerError, ServiceUnreachable
from ._retries import Patience
from ._transport import Transport, translated

#: Made by the client: a connection stands, what follows is live.
CONNECTED: Final = "connected"
PROGRESS: Final = "progress"
METRICS: Final = "metrics"
LOG: Final = "log"
END: Final = "end"
#: Frames of the event stream that are no entries of the event log.
LIVE: Final = frozenset({PROGRESS, METRICS, LOG, END})
#: The service comments every 15 s; after three times that the connection is taken for dead.
_SILENCE_SECONDS: Final = 45.0
#: A frame of metrics holds every point since the one before; a fast job has many.
_LONGEST_EVENT_BYTES: Final = 256 << 20


@dataclass(frozen=True, slots=True)
class Frame:
    """One server-sent event: its kind, its JSON, and its id where it has one of its own."""

    kind: str
    data: Any = None
    seq: int | None = None


def frames(
    transport: Transport,
    path: str,
    *,
    after: int = 0,
    live: Collection[str] = LIVE,
    params: Mapping[str, Any] | None = None,
) -> Iterator[Frame]:
    """Every frame behind id `after`, across reconnects, until the stream's END (not yielded). `live` frames have no id.

    `params` count for a stream that begins, not for one that is resumed.
    Raises StatusError, or ServiceUnreachable once the service has been away for longer than patience lasts.
    """
    patience = Patience()
    while True:
        try:
            for frame in _connection(transport, path, after=after, live=live, params=None if after else params):
                patience.renew()
                if frame.kind == END:
                    return
                after = after if frame.seq is None else frame.seq
                yield frame
            patience.spend(ServiceUnreachable(f"{transport.url} closed the stream before the job's end"))
        except (ServiceUnreachable, ServerError) as error:
            patience.spend(error)


def _connection(
    transport: Transport, path: str, *, after: int, live: Collection[str], params: Mapping[str, Any] | None
) -> Iterator[Frame]:
    headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
    if after:
        headers["Last-Event-ID"] = str(after)
    response = transport.request("GET", path, headers=headers, params=params, timeout=_SILENCE_SECONDS, stream=True)
    with closing(response), translated(transport.url):
        if response.status_code == httpx2.codes.NO_CONTENT:
            yield Frame(END)
            return
        yield Frame(CONNECTED)
        for event in httpx2.EventSource(response, max_event_size=_LONGEST_EVENT_BYTES):
            if event.data:
                yield _frame(event, live)


def _frame(event: httpx2.ServerSentEvent, live: Collection[str]) -> Frame:
    # The parser repeats the last id on frames that have none, as the standard says, so the kind decides.
    has_own_id = event.event not in live and event.id.isdigit()
    return Frame(event.event, event.json(), seq=int(event.id) if has_own_id else None)
