"""The malls' days: cooled beforehand, shed at the peak, credited, sold and spent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattproof.demo.mall.options import MallOptions

if TYPE_CHECKING:
    from wattproof.demo.report import DemoReport

__all__ = ["MallOptions", "run"]


def run(options: MallOptions) -> DemoReport:
    """Run the days, tell how they go, and print what came of them (JSON if asked for).

    Raises:
        InvalidError: a file, day or unit cannot be used, or comfort cannot be kept; says which and
            why.
        MisconfiguredError: the embedded chain does not start.
    """
    from twin.edits import InfeasiblePlanError
    from wattproof.demo.mall.inputs import scene_from
    from wattproof.demo.mall.story import play
    from wattproof.demo.mall.strategies import compare
    from wattproof.demo.presentation import Presentation
    from wattproof.errors import InvalidError

    with Presentation(as_json=options.as_json) as presentation:
        try:
            with presentation.step("Digital twin built, past days lived") as step:
                scene = scene_from(options)
                step.note(f"{len(scene.mall.history_wh)} days of two malls")
            with presentation.step("Strategies compared") as step:
                strategies = compare(scene.mall.inputs, scene.mall.real)
                step.note(f"{len(strategies.rows)} ways to run the day")
        except InfeasiblePlanError as error:
            raise InvalidError(str(error), code="infeasible") from error
        report = play(scene, strategies, options, presentation)
    presentation.show(report)
    return report
