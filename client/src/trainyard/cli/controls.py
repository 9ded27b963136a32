"""Steer a job: one command per verb."""

from __future__ import annotations

from typing import Annotated

import typer

from trainyard import Job
from trainyard.terminal import words

from .jobs import JobId
from .session import Session, command


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for verb in (cancel, pause, resume, stop, retry):
        command(app)(verb)


def cancel(session: Session, job: JobId) -> None:
    """End a job for good."""
    _show(session, session.client.jobs.get(job).cancel())


def pause(session: Session, job: JobId) -> None:
    """Put a job to rest: it saves a checkpoint and frees its worker."""
    _show(session, session.client.jobs.get(job).pause())


def resume(session: Session, job: JobId) -> None:
    """Let a paused job go on from its checkpoint."""
    _show(session, session.client.jobs.get(job).resume())


def stop(session: Session, job: JobId) -> None:
    """End training now: the best weights are restored and tested, and the job succeeds."""
    _show(session, session.client.jobs.get(job).stop())


def retry(
    session: Session,
    job: JobId,
    from_scratch: Annotated[bool, typer.Option("--from-scratch", help="Do not go on from a checkpoint.")] = False,
) -> None:
    """Queue a failed or cancelled job again, from its last good checkpoint."""
    _show(session, session.client.jobs.get(job).retry(from_scratch=from_scratch))


def _show(session: Session, job: Job) -> None:
    session.show(job.record, f"[bold]{job.id}[/] {words.status(job.status)}")
