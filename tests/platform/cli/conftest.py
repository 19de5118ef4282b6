"""A platform that is served, for commands that call it over REST."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

import pytest
import uvicorn

from wattproof.api.app import create_app


@contextmanager
def served(platform):
    """The API of a platform; gives its address."""
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


@pytest.fixture
def url(platform):
    """Address of the running API."""
    with served(platform) as address:
        yield address
