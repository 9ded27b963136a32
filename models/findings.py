"""What the diagnosis found in a job: one row a rule, written under the attempt's lease, and an event with each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select

from models.clock import now, rfc3339
from models.json_text import decode, encode
from models.tables import findings


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule, when it first found something, and what there is to say: severity, message, evidence, suggestion."""

    rule: str
    step: int
    at: float
    said: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        """The finding as the API shows it."""
        return {"rule": self.rule, "first_step": self.step, "at": rfc3339(self.at), **self.said}


def add(connection: Connection, *, job_id: str, rule: str, step: int, said: Mapping[str, Any]) -> bool:
    """Note a finding, behind the job's guard. False where the rule has found something in this job before: a run that
    goes on from a checkpoint finds it again.
    """
    if connection.execute(_KNOWN, {"of_job": job_id, "of_rule": rule}).first() is not None:
        return False
    row = {"job_id": job_id, "rule": rule, "step": step, "document": encode(dict(said))}
    connection.execute(_INSERT, row)
    return True


def listing(connection: Connection, *, job_id: str) -> list[Finding]:
    """A job's findings, in the order in which they were made."""
    rows = connection.execute(_LISTING, {"of_job": job_id})
    return [Finding(row.rule, row.step, row.at, decode(row.document)) for row in rows]


def forget(connection: Connection, *, job_id: str) -> None:
    """Drop the findings of a job that starts from nothing again."""
    connection.execute(_FORGET, {"of_job": job_id})


_KNOWN = select(findings.c.rule).where(
    findings.c.job_id == bindparam("of_job"), findings.c.rule == bindparam("of_rule")
)
_INSERT = insert(findings).values(at=now())
_LISTING = select(findings).where(findings.c.job_id == bindparam("of_job")).order_by(findings.c.step, findings.c.rule)
_FORGET = delete(findings).where(findings.c.job_id == bindparam("of_job"))
