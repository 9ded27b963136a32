"""Runs the API on a socket that the launcher has opened: `python -m launcher.api DESCRIPTOR`.

The launcher keeps the socket open, so while the API is restarted clients wait in its backlog instead of being refused.
"""

import gc
import socket
import sys


def serve(descriptor: int) -> None:
    """Serve HTTP on the listening socket `descriptor` until SIGINT or SIGTERM."""
    gc.disable()  # nothing of what is loaded now is garbage; `api.lifespan` lets the collector go on when all is
    import uvicorn

    from api.connections import OPTIONS, raise_file_limit
    from models.settings import settings

    raise_file_limit()
    config = uvicorn.Config(
        "api.main:create_app",
        factory=True,
        log_config=None,  # the application says how lines look, the server's own included
        log_level=settings().log_level,
        **OPTIONS,
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])


if __name__ == "__main__":
    serve(int(sys.argv[1]))
