"""The identity day: credentials, a delegate, a thief, a revocation, a profile, an erasure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattproof.demo.identity.options import IdentityOptions

if TYPE_CHECKING:
    from wattproof.demo.report import DemoReport

__all__ = ["IdentityOptions", "run"]


def run(options: IdentityOptions) -> DemoReport:
    """Run the day, tell how it goes, and print what came of it (JSON if asked for).

    Raises:
        InvalidError: the data folder is in use by an installation.
        MisconfiguredError: the embedded chain does not start.
    """
    from wattproof.demo.identity.story import play
    from wattproof.demo.presentation import Presentation

    with Presentation(as_json=options.as_json) as presentation:
        report = play(options, presentation)
    presentation.show(report)
    return report
