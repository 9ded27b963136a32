"""Which of several representations a client asks for by `Accept`."""

from __future__ import annotations

from typing import Final

from fastapi import Request

#: What an answer carries whose form depends on `Accept`, so that no cache hands out the wrong one.
VARY: Final = {"Vary": "Accept"}


def wants(request: Request, media_type: str) -> bool:
    """Whether the client names this media type, other than to refuse it; `*/*` gets the default instead."""
    for part in request.headers.get("accept", "").lower().split(","):
        name, *parameters = (word.strip() for word in part.split(";"))
        if name == media_type:
            return not any(parameter.replace(" ", "") in {"q=0", "q=0.0"} for parameter in parameters)
    return False
