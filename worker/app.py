"""The Celery application: `celery -A worker.app worker -P threads -Q POOL`.

Celery carries doorbells, nothing else: no results, no remote control, no events, JSON only. The bootstep below starts
and stops the worker proper, which trains with or without a broker.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from celery import Celery, bootsteps, signals

from models import logbook
from models.errors import Unavailable
from models.settings import settings
from worker import service

log = logging.getLogger(__name__)

#: Without `socket_timeout` a connection whose other end vanished silently would deafen the worker for ever.
TRANSPORT_OPTIONS: Final = {
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 5,
}


class TrainyardStep(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """The worker proper, as a part of Celery's: started before the first message, stopped within the drain time."""

    requires = ("celery.worker.components:Pool",)

    def start(self, parent: Any) -> None:  # noqa: ARG002  Celery's signature
        """Start slots, spares and housekeeping."""
        try:
            service.start(settings())
        except Unavailable as error:
            log.critical("%s", error.detail)
            raise SystemExit(1) from None

    def close(self, parent: Any) -> None:  # noqa: ARG002
        """Begin to drain."""
        service.drain_soon()

    def stop(self, parent: Any) -> None:  # noqa: ARG002
        """Drain and stop everything."""
        service.stop()


def make_app() -> Celery:
    """The application for the settings of this process."""
    made = Celery("trainyard", broker=settings().broker, include=["worker.tasks"])
    made.conf.update(
        task_default_queue=settings().pool,
        task_ignore_result=True,
        task_acks_late=False,
        task_serializer="json",
        accept_content=["json"],
        worker_consumer="worker.consumer:EagerConsumer",
        # One thread more than slots: with every thread busy Celery looks for the next doorbell twice a second only.
        # Who has no free slot passes a doorbell on.
        worker_concurrency=settings().slots + 1,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,  # a busy worker leaves doorbells to idle ones
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options=TRANSPORT_OPTIONS,
    )
    made.steps["worker"].add(TrainyardStep)
    return made


@signals.setup_logging.connect  # type: ignore[untyped-decorator]
def _configure_log(**_: Any) -> None:
    """Everything that this process logs goes where the settings say, Celery's own lines included."""
    root = logging.getLogger()
    root.setLevel(settings().log_level.upper())
    root.addHandler(logbook.handler(settings()))


@signals.worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _drain(**_: Any) -> None:
    """Celery has been told to stop; this runs inside its signal handler and so does next to nothing."""
    service.drain_soon()


app = make_app()
