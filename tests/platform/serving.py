"""The REST application on a port of its own, for clients and commands that call it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from wattproof.api.app import create_app
from wattproof.runtime import Platform


@contextmanager
def served(platform: Platform) -> Iterator[str]:
    """Serves a platform's API; gives its address."""
    config = uvicorn.Config(
        create_app(platform=platform), port=0, log_level="error", ws="none", lifespan="on"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()
