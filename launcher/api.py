"""Runs the API on a socket that the launcher has opened: `python -m launcher.api DESCRIPTOR`.

The launcher keeps the socket open, so while the API is restarted clients wait in its backlog instead of being refused.
"""

import socket
import sys

import uvicorn

from models.settings import settings


def serve(descriptor: int) -> None:
    """Serve HTTP on the listening socket `descriptor` until SIGINT or SIGTERM."""
    config = uvicorn.Config(
        "api.main:create_app",
        factory=True,
        access_log=False,
        log_config=None,  # the application says how lines look, the server's own included
        server_header=False,
        log_level=settings().log_level,
        timeout_graceful_shutdown=5,  # open event streams would otherwise hold the exit back
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])


if __name__ == "__main__":
    serve(int(sys.argv[1]))
