"""Serves the dashboard as plain files under a strict content security policy.

The page talks to the same public `/v1` endpoints as any other client and holds no privilege of its own, so these
files need no key: they contain nothing but code that is published anyway.
"""

from __future__ import annotations

from os import PathLike, stat_result
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

HERE: Final = Path(__file__).parent

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Names carry no version: the browser asks each time and is answered 304 while nothing changed.
    "Cache-Control": "no-cache",
}

# Spelled out because the host's own table may lack them, and `nosniff` makes a wrong type an error.
MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}


class DashboardFiles(StaticFiles):
    """Static files with the dashboard's headers and media types on every answer, the 304 included."""

    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """The file, or 304 when the browser already holds it."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(HEADERS)
        media_type = MEDIA_TYPES.get(Path(full_path).suffix)
        if media_type is not None and "content-type" in response.headers:
            response.headers["content-type"] = media_type
        return response


def mount(app: FastAPI) -> None:
    """Serve the dashboard: `/` is the page, `/assets/...` its modules, styles and fonts. Neither asks for a key."""
    app.mount("/assets", DashboardFiles(directory=HERE / "assets"), name="dashboard_assets")
    page = DashboardFiles(directory=HERE)

    async def index(request: Request) -> Response:
        return await page.get_response("index.html", request.scope)

    app.add_route("/", index, methods=["GET"], name="dashboard", include_in_schema=False)
