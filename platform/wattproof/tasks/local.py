"""The in-process task runner of the embedded profile."""

from __future__ import annotations

import threading
from types import TracebackType

import structlog

from wattproof.errors import ChainMismatchError, WattproofError
from wattproof.runtime import Platform
from wattproof.tasks.flow import tick

_log = structlog.get_logger(__name__)


class LocalRunner:
    """A thread that ticks; a context manager.

    Attributes:
        failure: why it stopped by itself; None while it runs.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="wattproof-tasks", daemon=True)
        self.failure: BaseException | None = None

    def __enter__(self) -> LocalRunner:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._wake.set()
        self._thread.join()

    def wake(self) -> None:
        """Look at once instead of at the next interval."""
        self._wake.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                moved = tick(self._platform)
            except ChainMismatchError as error:
                self.failure = error
                _log.error("tasks_stopped", reason=error.message)
                return
            except WattproofError as error:
                moved = False
                _log.warning("task_failed", code=error.code, reason=error.message)
            except Exception as error:
                moved = False
                _log.exception("task_crashed", error=type(error).__name__)
            if not moved:
                self._wake.wait(self._platform.settings.tick_s)
                self._wake.clear()
