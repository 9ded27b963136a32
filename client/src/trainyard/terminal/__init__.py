"""Jobs and what they write, as a person sees them in a terminal. `follow` shows a job live until it ends."""

from .following import follow
from .summary import summary

__all__ = ["follow", "summary"]
