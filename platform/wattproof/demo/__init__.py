"""The demo day: an EV battery market from digital twin to audited settlement, on its own chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattproof.demo.options import DemoOptions

if TYPE_CHECKING:
    from wattproof.demo.report import DemoReport

__all__ = ["DemoOptions", "run"]


def run(options: DemoOptions) -> DemoReport:
    """Run the day, tell how it goes, and print what came of it (JSON if asked for).

    Raises:
        InvalidError: a file, day, unit or time zone cannot be used; says which and why.
        MisconfiguredError: the embedded chain does not start.
    """
    from wattproof.demo.presentation import Presentation
    from wattproof.demo.scene import build_scene
    from wattproof.demo.story import play

    with Presentation(as_json=options.as_json) as presentation:
        scene = build_scene(options, presentation)
        report = play(scene, options, presentation)
    presentation.show(report)
    return report
