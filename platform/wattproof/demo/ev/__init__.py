"""The EV battery market's day: drivers buy charging and sell what their batteries can spare."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from wattproof.demo.ev.options import EvOptions

if TYPE_CHECKING:
    from wattproof.demo.report import DemoReport

__all__ = ["EvOptions", "run"]


def run(options: EvOptions) -> DemoReport:
    """Run the day, tell how it goes, and print what came of it (JSON if asked for).

    Raises:
        InvalidError: a file, day, unit or time zone cannot be used; says which and why.
        MisconfiguredError: the embedded chain does not start.
    """
    from wattproof.demo import files
    from wattproof.demo.ev.inputs import read_inputs, wants_files
    from wattproof.demo.ev.scene import published_scene, session_scene
    from wattproof.demo.ev.story import play
    from wattproof.demo.ev.strategies import comparing
    from wattproof.demo.presentation import Presentation

    with_files = wants_files(options)
    with Presentation(as_json=options.as_json) as presentation:
        if not with_files:
            report = play(published_scene(options, presentation), options, presentation)
        else:
            wanted = files.day(options.day)
            with presentation.step("Sessions and prices read") as step:
                inputs = read_inputs(options)
                step.note(f"{len(inputs.sessions):,} sessions")
            scene, day = session_scene(inputs, wanted, options, presentation)
            with comparing(inputs.sessions, inputs.prices, day) as strategies:
                report = play(scene, options, presentation)
                with presentation.step("Strategies compared") as step:
                    report = replace(report, strategies=strategies.result())
    presentation.show(report)
    return report
