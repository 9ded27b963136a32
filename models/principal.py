"""Who speaks, and what they may do and give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from models.clock import rfc3339
from models.errors import Forbidden

ADMIN: Final = "admin"
OPERATOR: Final = "operator"
#: Every scope there is. `admin` holds all others of its project; `operator` holds all, and runs the service: projects,
#: their quotas and keys, and the workers that projects share.
SCOPES: Final = (
    OPERATOR,
    ADMIN,
    "jobs:read",
    "jobs:write",
    "datasets:read",
    "datasets:write",
    "metrics:read",
    "webhooks:read",
    "webhooks:write",
)
#: Short for all scopes that begin so.
WILDCARDS: Final = ("jobs:*", "datasets:*", "webhooks:*")
#: How the actor of a token that somebody else issued begins.
OIDC: Final = "oidc:"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who speaks, as a key's id or `oidc:<subject>` of a token; in which project, and what they may do."""

    key_id: str
    project: str
    scopes: frozenset[str]
    expires_at: float | None = None

    @property
    def is_key(self) -> bool:
        """Whether one of our own keys speaks."""
        return not self.key_id.startswith(OIDC)

    def may(self, scope: str) -> bool:
        """Whether the scope is held, by its name or within another."""
        if OPERATOR in self.scopes or scope in self.scopes:
            return True
        if scope == OPERATOR:
            return False
        return ADMIN in self.scopes or f"{scope.partition(':')[0]}:*" in self.scopes

    def reach(self) -> str | None:
        """The project whose keys may be touched; None for those of every project."""
        return None if self.may(OPERATOR) else self.project

    def check_gift(self, *, project: str, scopes: Sequence[str], expires_at: float | None) -> None:
        """Raise Forbidden where a key like this would be more than who makes it has."""
        if project != self.project and not self.may(OPERATOR):
            raise Forbidden(f"Keys of the project {project} are made with the scope {OPERATOR}.", scope=OPERATOR)
        missing = [scope for scope in scopes if not self.may(scope)]
        if missing:
            raise Forbidden(f"Nobody gives a scope that they lack: {', '.join(missing)}.", scope=missing[0])
        # A token lives for minutes and is renewed by who issued it: what it makes may live longer.
        if self.is_key and self.expires_at is not None and (expires_at is None or expires_at > self.expires_at):
            raise Forbidden(f"This key makes none that lives longer than itself, until {rfc3339(self.expires_at)}.")
