"""Bearer tokens of OpenID Connect: JSON Web Tokens that an issuer signed, by configuration.

Accepted is what verifies under one of the issuer's own public keys with a signature of the allow-list, is meant for
this service, and holds now. The algorithm is never taken from the token alone: it must be on the list, and fit the key.
"""

from __future__ import annotations

import re
from typing import Any, Final

import jwt

from api.issuer_keys import IssuerKeys
from models.errors import Forbidden, Unauthorized
from models.oidc_settings import OidcSettings
from models.principal import OIDC, Principal
from models.projects import NAME

_LONGEST_TOKEN: Final = 16384
_LONGEST_SUBJECT: Final = 255  # OpenID Connect Core, section 2


class Issuer:
    """Reads the tokens of the issuer that the settings name."""

    def __init__(self, settings: OidcSettings, *, keys: IssuerKeys | None = None) -> None:
        self._settings = settings
        self._keys = keys or IssuerKeys(settings.oidc_issuer)

    def principal(self, token: str) -> Principal:
        """Who a token stands for. Raises Unauthorized for any that does not hold, Forbidden for one that names no
        project, Unavailable where the issuer's keys cannot be had.
        """
        try:
            claims = self._claims(token)
        except (jwt.PyJWTError, ArithmeticError, RecursionError, TypeError, ValueError) as error:
            raise Unauthorized from error
        subject = claims["sub"]
        if not (isinstance(subject, str) and 0 < len(subject) <= _LONGEST_SUBJECT and subject.isprintable()):
            raise Unauthorized
        return Principal(
            key_id=f"{OIDC}{subject}",
            project=self._project(claims),
            scopes=self._scopes(claims),
            expires_at=float(claims["exp"]),
        )

    def _claims(self, token: str) -> dict[str, Any]:
        if len(token) > _LONGEST_TOKEN:
            raise Unauthorized
        header = jwt.get_unverified_header(token)
        algorithm, kid = header.get("alg"), header.get("kid", "")
        if algorithm not in self._settings.signatures or not isinstance(kid, str):
            raise Unauthorized
        known = self._keys.find(kid)
        if known.get("alg", algorithm) != algorithm:
            raise Unauthorized
        claims: dict[str, Any] = jwt.decode(
            token,
            jwt.PyJWK(dict(known), algorithm=algorithm),
            algorithms=[algorithm],
            audience=self._settings.oidc_audience,
            issuer=self._settings.oidc_issuer,
            leeway=self._settings.oidc_leeway_seconds,
            options={"require": ["exp", "iss", "aud", "sub"], "enforce_minimum_key_length": True},
        )
        return claims

    def _project(self, claims: dict[str, Any]) -> str:
        claim = self._settings.oidc_project_claim
        name = claims.get(claim)
        if not isinstance(name, str) or not re.fullmatch(NAME, name):
            raise Forbidden(f"The token's claim {claim} names no project.", code="no_project")
        return name

    def _scopes(self, claims: dict[str, Any]) -> frozenset[str]:
        """What the words of the claim give, a text of words or a list of them; unknown ones give nothing."""
        claim = claims.get(self._settings.oidc_scope_claim, "")
        listed = claim.split() if isinstance(claim, str) else claim if isinstance(claim, list) else []
        words = [word for word in listed if isinstance(word, str)]
        given = self._settings.scope_words
        return frozenset().union(*(given.get(word, frozenset()) for word in words))
