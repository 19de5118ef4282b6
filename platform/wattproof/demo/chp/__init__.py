"""The heat-and-power day: stored heat takes wind in the trough and gives power at the peak."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattproof.demo.chp.options import ChpOptions

if TYPE_CHECKING:
    from wattproof.demo.report import DemoReport

__all__ = ["ChpOptions", "run"]


def run(options: ChpOptions) -> DemoReport:
    """Run the day, tell how it goes, and print what came of it (JSON if asked for).

    Raises:
        InvalidError: a file, day or unit cannot be used, or no operation of the plant keeps every
            limit; says which and why.
        MisconfiguredError: the embedded chain does not start.
    """
    from twin.edits import InfeasiblePlanError
    from wattproof.demo.chp.inputs import scene_from
    from wattproof.demo.chp.story import play
    from wattproof.demo.chp.strategies import compare
    from wattproof.demo.presentation import Presentation
    from wattproof.errors import InvalidError

    with Presentation(as_json=options.as_json) as presentation:
        try:
            with presentation.step("Digital twin built, past days lived") as step:
                scene = scene_from(options)
                step.note(f"{len(scene.history)} heat-led days")
            with presentation.step("Strategies compared") as step:
                strategies = compare(scene.inputs, scene.real)
                step.note(f"{len(strategies.rows)} ways to run the day")
        except InfeasiblePlanError as error:
            raise InvalidError(str(error), code="infeasible") from error
        report = play(scene, strategies, options, presentation)
    presentation.show(report)
    return report
