"""Settings of tokens that somebody else issues: from whom, for whom, and what their claims mean here."""

from __future__ import annotations

from functools import cached_property
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

from models.principal import SCOPES, WILDCARDS

NONE: Final = "none"
#: Signatures that a public key verifies. A shared secret, and no signature at all, are not among them.
ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"},
)


class OidcSettings(BaseSettings):
    """The part of the settings that says whose tokens are accepted beside our own keys."""

    oidc_issuer: str = Field(NONE, description="Whose OpenID Connect tokens are accepted, as its URL.")
    oidc_audience: str = Field("trainyard", min_length=1, description="The `aud` that its tokens must carry.")
    oidc_algorithms: str = Field("RS256,ES256", description="Signatures that are accepted, by comma.")
    oidc_leeway_seconds: float = Field(30.0, ge=0, le=300, description="How far the issuer's clock may be off.")
    oidc_scope_claim: str = Field("scope", min_length=1, description="The claim that holds scopes, roles or groups.")
    oidc_scopes: str = Field(NONE, description="What words of that claim mean, by comma: yard-admins=admin.")
    oidc_project_claim: str = Field("project", min_length=1, description="The claim that names the project.")

    @field_validator("oidc_issuer")
    @classmethod
    def _is_safe(cls, issuer: str) -> str:
        if issuer != NONE and not is_safe_url(issuer):
            raise ValueError("takes an https URL, or an http one on loopback")
        return issuer

    @field_validator("oidc_algorithms")
    @classmethod
    def _are_asymmetric(cls, algorithms: str) -> str:
        if unknown := set(_words(algorithms)) - ALGORITHMS:
            raise ValueError(f"takes {', '.join(sorted(ALGORITHMS))}, not {', '.join(sorted(unknown))}")
        return algorithms

    @field_validator("oidc_scopes")
    @classmethod
    def _are_scopes(cls, mapping: str) -> str:
        for word, scopes in meanings(mapping).items():
            if unknown := scopes - {*SCOPES, *WILDCARDS}:
                raise ValueError(f"gives {word!r} scopes that there are not: {', '.join(sorted(unknown))}")
        return mapping

    @cached_property
    def signatures(self) -> frozenset[str]:
        """The signatures that are accepted."""
        return frozenset(_words(self.oidc_algorithms))

    @cached_property
    def scope_words(self) -> dict[str, frozenset[str]]:
        """What each word of the scope claim gives; without a setting, scopes by their own names."""
        if self.oidc_scopes == NONE:
            return {scope: frozenset({scope}) for scope in (*SCOPES, *WILDCARDS)}
        return meanings(self.oidc_scopes)


def meanings(mapping: str) -> dict[str, frozenset[str]]:
    """`admins=admin,users=jobs:read jobs:write` as a mapping. Raises ValueError for an entry without a sign."""
    if mapping == NONE:
        return {}
    pairs = [entry.partition("=") for entry in mapping.split(",") if entry.strip()]
    if not all(sign for _, sign, _ in pairs):
        raise ValueError("takes entries such as yard-admins=admin, by comma")
    return {word.strip(): frozenset(scopes.split()) for word, _, scopes in pairs}


def is_safe_url(url: str) -> bool:
    """Whether something may be fetched from there: over TLS, or from this machine itself."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return bool(parts.hostname) and "@" not in parts.netloc
    if parts.scheme != "http" or parts.hostname is None or "@" in parts.netloc:
        return False
    try:
        return ip_address(parts.hostname).is_loopback
    except ValueError:
        return parts.hostname == "localhost"


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
