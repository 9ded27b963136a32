"""Which trackers jobs may speak to. A client chooses the address in its spec, but only among those that the operator
allows: the worker would else fetch any address of its network for whoever may submit a job, with its own credentials.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from models.errors import FieldError, InvalidSpec
from models.settings import Settings
from models.spec.tracking import SQLITE

_PORTS: Final = {"http": 80, "https": 443}
#: Where in a spec each tracker's address stands.
_PLACES: Final = (("wandb", "base_url"), ("mlflow", "tracking_uri"))


@dataclass(frozen=True, slots=True)
class Destinations:
    """The addresses that are allowed: each with everything below it, and SQLite databases in one folder."""

    addresses: tuple[str, ...]
    has_sqlite: bool
    folder: Path

    @classmethod
    def of(cls, settings: Settings) -> Destinations:
        """What the settings of this process allow."""
        allowed = settings.tracking
        addresses = tuple(one for one in allowed if one != "sqlite")
        return cls(addresses, "sqlite" in allowed, (settings.data_dir / "tracking").resolve())

    def refused(self, tracking: Mapping[str, Any]) -> list[FieldError]:
        """A mistake for every address in the `tracking` section of a spec that is not allowed."""
        return [
            FieldError(f"#/tracking/{tracker}/{field}", self._advice(section[field]))
            for tracker, field in _PLACES
            if (section := tracking.get(tracker)) is not None
            and section.get("mode") != "offline"
            and not self.allows(section[field])
        ]

    def check(self, tracking: Mapping[str, Any]) -> None:
        """Raises `InvalidSpec` where the section names an address that is not allowed."""
        if mistakes := self.refused(tracking):
            told = "; ".join(f"{mistake.pointer} {mistake.detail}" for mistake in mistakes)
            raise InvalidSpec(f"The service does not speak to this tracker: {told}", errors=mistakes)

    def allows(self, address: str) -> bool:
        """Whether a job may speak to this address."""
        if address.startswith(SQLITE):
            return self.has_sqlite
        return any(_covers(urlsplit(one), urlsplit(address)) for one in self.addresses)

    def located(self, address: str) -> str:
        """The address as the tracker's library takes it: a database's name with its folder, which is made."""
        if not address.startswith(SQLITE):
            return address
        self.folder.mkdir(parents=True, exist_ok=True)
        return f"{SQLITE}{self.folder / address.removeprefix(SQLITE)}"

    def _advice(self, address: str) -> str:
        there = ", ".join((*self.addresses, *(["sqlite:///name.db"] if self.has_sqlite else []))) or "none"
        return f"is {address}, which TRAINYARD_TRACKING_DESTINATIONS does not allow; allowed: {there}"


def _covers(allowed: SplitResult, asked: SplitResult) -> bool:
    below = allowed.path.rstrip("/")
    return _server(allowed) == _server(asked) and f"{asked.path}/".startswith(f"{below}/")


def _server(address: SplitResult) -> tuple[str, str | None, int | None]:
    return address.scheme, address.hostname, address.port or _PORTS.get(address.scheme)
