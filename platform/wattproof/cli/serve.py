"""`wattproof up`: chain, tasks, rounds and REST API in one process."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import uvicorn

from wattproof.api.app import create_app
from wattproof.cli.output import print_facts, print_json, working
from wattproof.cli.schedule import RoundSchedule, set_up_markets
from wattproof.errors import MisconfiguredError
from wattproof.profiles import open_platform
from wattproof.rounds.service import list_markets
from wattproof.runtime import Platform
from wattproof.settings import Profile, Settings
from wattproof.tasks.local import LocalRunner

_GRACE_SECONDS = 3


def serve(
    *,
    data_dir: Path | None,
    host: str | None,
    port: int | None,
    round_seconds: int,
    as_json: bool,
) -> None:
    """Serve until interrupted.

    Raises:
        MisconfiguredError: the address is taken, or the installation cannot be opened.
    """
    given = {"data_dir": data_dir, "host": host, "port": port}
    settings = _settings({key: value for key, value in given.items() if value is not None})
    with ExitStack() as stack:
        listener = stack.enter_context(_listen(settings.host, settings.port))
        settings = settings.model_copy(update={"port": listener.getsockname()[1]})
        runner: LocalRunner | None = None
        with working("starting chain and markets", quiet=as_json):
            platform = stack.enter_context(open_platform(settings))
            if settings.profile is Profile.EMBEDDED:
                set_up_markets(platform)
                runner = stack.enter_context(LocalRunner(platform))
                stack.enter_context(RoundSchedule(platform, round_seconds))
        config = uvicorn.Config(
            create_app(platform=platform),
            log_level="warning",
            ws="none",
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        # Ending by SIGTERM is as orderly as by Ctrl-C, which a shell's background job would ignore.
        for how in (signal.SIGTERM, signal.SIGINT):
            signal.signal(how, signal.default_int_handler)
        with suppress(KeyboardInterrupt), _announced(platform):
            _say(platform, as_json)
            _Server(config, runner).run(sockets=[listener])
        if runner is not None and runner.failure is not None:
            raise runner.failure


class _Server(uvicorn.Server):
    """Stops serving when the tasks have stopped: nothing would be settled any more."""

    def __init__(self, config: uvicorn.Config, runner: LocalRunner | None) -> None:
        super().__init__(config)
        self._runner = runner

    async def on_tick(self, counter: int) -> bool:
        failed = self._runner is not None and self._runner.failure is not None
        return failed or await super().on_tick(counter)


def running_file(settings: Settings) -> Path:
    """Where a served installation says how its chain and API are reached."""
    return settings.data_dir / "running.json"


def _settings(given: dict[str, Any]) -> Settings:
    try:
        return Settings(**given)
    except ValueError as error:
        raise MisconfiguredError(f"the settings do not fit: {error}") from error


@contextmanager
def _listen(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(128)
        except OSError as error:
            raise MisconfiguredError(
                f"cannot listen on {host}, port {port} ({error.strerror}); choose another "
                "with --port"
            ) from error
        yield listener
    finally:
        listener.close()


@contextmanager
def _announced(platform: Platform) -> Iterator[None]:
    path = running_file(platform.settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    facts = {
        "pid": os.getpid(),
        "rpc_url": platform.chain.rpc_url,
        "url": platform.settings.public_address,
    }
    path.write_text(json.dumps(facts) + "\n", encoding="utf-8")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _say(platform: Platform, as_json: bool) -> None:
    settings = platform.settings
    with platform.transaction() as session:
        markets = {row.market: row.name for row in list_markets(session)}
    url = settings.public_address
    if as_json:
        print_json(
            {
                "url": url,
                "documentation": f"{url}/docs",
                "rpc_url": platform.chain.rpc_url,
                "chain_id": platform.deployment.chain_id,
                "contracts": dict(platform.deployment.addresses),
                "markets": markets,
                "data_dir": str(settings.data_dir),
            }
        )
        return
    print_facts(
        "Wattproof is up; Ctrl-C ends it.",
        {
            "REST API": url,
            "documentation": f"{url}/docs",
            "chain": f"id {platform.deployment.chain_id} at {platform.chain.rpc_url}",
            "data": settings.data_dir,
            "markets": ", ".join(f"{n} {name}" for n, name in markets.items()) or "none",
            **platform.deployment.addresses,
        },
    )
