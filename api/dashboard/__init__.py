"""The browser's room: one page and its ES modules, which use only the public `/v1` endpoints. No build step."""

from api.dashboard.static import mount

__all__ = ["mount"]
