"""What one API process holds open from its start to its stop."""

from __future__ import annotations

import asyncio
import gc
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Final

from starlette.concurrency import run_in_threadpool

from api.background import Background
from api.doorbell import Doorbell
from api.exposition import Repairs, Requests
from api.imports import Importer
from api.key_cache import KeyCache
from api.key_usage import KeyUsage
from api.profiling import Profiler
from api.rate_limits import RateLimits
from api.readiness import Readiness, checks
from api.refusals import Refusals
from api.renderings import Renderings
from api.service import Service
from api.sweeps import sweeps
from api.version import service_version
from api.watcher import Watcher
from api.webhook_sender import Sender
from models import dry_runs, predictions, quotas, service_secrets
from models.artifacts import store_of
from models.database import Database
from models.destinations import Destinations
from models.group_commit import Writer
from models.oidc_settings import NONE
from models.pages import Cursors
from models.settings import Settings
from models.spans import open_tracer

if TYPE_CHECKING:
    from api.oidc import Issuer


#: The broker's client takes a while to load; the first requests go first, and rings wait in the queue.
_SETTLING_SECONDS: Final = 0.1
#: Who waits for a prediction waits for milliseconds.
_ANSWERS_SECONDS: Final = 0.003
_LATE_ANSWERS_SECONDS: Final = 0.012


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Service]:
    """The open resources and the sweeps of one process, from start to stop."""
    database = Database(settings.database)
    service = await run_in_threadpool(_open, settings, database)
    importer = Importer(service)
    service.background.take([*sweeps(service), *importer.sweeps()])
    ringing = asyncio.get_running_loop().call_later(_SETTLING_SECONDS, service.doorbell.start)
    service.writer.start()
    service.background.start()
    try:
        with _hearing_stop_signals(service.watcher, service.answers, service.findings):
            _spare_the_collector()
            yield service
    finally:
        ringing.cancel()
        await service.watcher.close()
        await service.answers.close()
        await service.findings.close()
        for close in (
            service.writer.close,
            service.webhooks.close,
            importer.close,
            service.background.close,
            service.readiness.close,
            service.profiler.close,
            service.doorbell.close,
            service.tracer.close,
            database.close,
        ):
            await run_in_threadpool(close)


def _spare_the_collector() -> None:
    """Let the garbage collector pass over what the process has loaded, which stays: looking through it takes a tenth of
    a second, during which nobody is answered. Not where the application is only a part of a process.
    """
    if threading.current_thread() is threading.main_thread():
        gc.freeze()
        gc.enable()  # the launcher has switched it off


@contextmanager
def _hearing_stop_signals(*watchers: Watcher) -> Iterator[None]:
    """Dismiss the open streams as soon as the process is told to stop.

    The server closes the lifespan only after its last connection: streams that never end would hold every stop back for
    as long as it has patience.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def heard(number: int, stack: FrameType | None) -> None:
        for watcher in watchers:
            loop.call_soon_threadsafe(watcher.dismiss)
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, stack)

    for number in before:
        signal.signal(number, heard)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _issuer(settings: Settings) -> Issuer | None:
    """Whose tokens are accepted; None where only our own keys are."""
    if settings.oidc_issuer == NONE:
        return None
    from api.oidc import Issuer  # only who accepts tokens waits for the library to load

    return Issuer(settings)


def _open(settings: Settings, database: Database) -> Service:
    with database.unit_of_work() as connection:
        cursor_secret = service_secrets.obtain(connection, "cursors")
        quotas.set_defaults(connection, settings)
    artifacts, doorbell, background = store_of(settings), Doorbell(settings.broker), Background()
    parts = checks(database, artifacts=artifacts, doorbell=doorbell, background=background)
    return Service(
        settings=settings,
        destinations=Destinations.of(settings),
        database=database,
        artifacts=artifacts,
        doorbell=doorbell,
        profiler=Profiler(database, artifacts),
        watcher=Watcher(database),
        answers=Watcher(
            database,
            look=predictions.versions,
            interval_seconds=_ANSWERS_SECONDS,
            longest_interval_seconds=_LATE_ANSWERS_SECONDS,
        ),
        findings=Watcher(database, look=dry_runs.versions),
        cursors=Cursors(cursor_secret),
        key_usage=KeyUsage(database),
        webhooks=Sender(database, schedule_seconds=settings.webhook_schedule, allowed=settings.webhook_networks),
        requests=Requests(),
        repairs=Repairs(),
        refusals=Refusals(database),
        issuer=_issuer(settings),
        rate_limits=RateLimits(
            requests_per_minute=settings.requests_per_minute, failures_per_minute=settings.wrong_keys_per_minute
        ),
        tracer=open_tracer(settings, part="api", version=service_version()),
        background=background,
        readiness=Readiness(parts, deadline_seconds=settings.readiness_seconds),
        key_cache=KeyCache(),
        renderings=Renderings(),
        writer=Writer(database),
    )
