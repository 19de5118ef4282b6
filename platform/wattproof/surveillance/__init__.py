"""The market supervisor's report, from the chain alone."""

from __future__ import annotations

from wattproof.surveillance.service import Files, Selection, SurveillanceDocument, survey_chain

__all__ = ["Files", "Selection", "SurveillanceDocument", "survey_chain"]
