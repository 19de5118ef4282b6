"""What the demo shows while it runs and at its end."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from wattproof.cli.output import print_json

if TYPE_CHECKING:
    from wattproof.demo.report import DemoReport


class Presentation:
    """Steps with a spinner on standard error, notes, and the final tables; a context manager.

    With ``as_json`` nothing but the final JSON goes to standard output, and no progress is shown.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._console = Console(stderr=True, quiet=as_json, highlight=False)
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[note]}[/]"),
            console=self._console,
            disable=as_json,
        )
        self.seconds: dict[str, float] = {}

    def __enter__(self) -> Presentation:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Show a step as running, then as done with its time."""
        task = self._progress.add_task(name, total=1, note="")
        step = Step(self._progress, task)
        began = monotonic()
        yield step
        self.seconds[name] = round(monotonic() - began, 2)
        self._progress.update(task, completed=1)

    def show(self, report: DemoReport) -> None:
        """Print the report."""
        if self._as_json:
            print_json(report.to_json())
            return
        Console(file=sys.stdout, highlight=False).print(report.table())


class Step:
    """A running step; ``note`` says something short beside it."""

    def __init__(self, progress: Progress, task: object) -> None:
        self._progress = progress
        self._task = task

    def note(self, text: str) -> None:
        """Replace what is said beside the step."""
        self._progress.update(self._task, note=text)  # type: ignore[arg-type]
