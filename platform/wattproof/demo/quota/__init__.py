"""The compliance year: quotas, certificates, a store, banking, a shortfall and its penalty."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattproof.demo.quota.options import QuotaOptions

if TYPE_CHECKING:
    from wattproof.demo.report import DemoReport

__all__ = ["QuotaOptions", "run"]


def run(options: QuotaOptions) -> DemoReport:
    """Run the year, tell how it goes, and print what came of it (JSON if asked for).

    Raises:
        InvalidError: the number of vintages is not an even one from 4 to 12.
        MisconfiguredError: the embedded chain does not start.
    """
    from wattproof.demo.presentation import Presentation
    from wattproof.demo.quota.published import published_scene
    from wattproof.demo.quota.story import play

    with Presentation(as_json=options.as_json) as presentation:
        with presentation.step("Wind and load of the year drawn") as step:
            scene = published_scene(options)
            step.note(f"{scene.vintages} vintages of 30 days")
        report = play(scene, options, presentation)
    presentation.show(report)
    return report
