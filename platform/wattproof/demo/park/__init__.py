"""The park's day: seven carriers in one clearing, converters between them, lines between zones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattproof.demo.park.options import ParkOptions

if TYPE_CHECKING:
    from wattproof.demo.report import DemoReport

__all__ = ["ParkOptions", "run"]


def run(options: ParkOptions) -> DemoReport:
    """Run the day, tell how it goes, and print what came of it (JSON if asked for).

    Raises:
        InvalidError: a file, day or unit cannot be used; says which and why.
        MisconfiguredError: the embedded chain does not start.
    """
    from wattproof.demo.park.inputs import scene_from
    from wattproof.demo.park.story import play
    from wattproof.demo.park.strategies import compare_ways
    from wattproof.demo.presentation import Presentation

    with Presentation(as_json=options.as_json) as presentation:
        with presentation.step("Digital twin built, prices expected") as step:
            scene = scene_from(options)
            step.note(f"{len(scene.park.sites)} sites")
        with presentation.step("Strategies compared") as step:
            strategies = compare_ways(scene.model, scene.signal, options.seed)
            step.note(f"{len(strategies.rows)} ways to run the day")
        report = play(scene, strategies, options, presentation)
    presentation.show(report)
    return report
