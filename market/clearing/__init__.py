"""From a book to prices and fills: exact for one product, certified for connected ones."""

from __future__ import annotations

from market.clearing.counted import ClearingError
from market.clearing.round import clear
from market.clearing.scenarios import ClearingScenarios, ScenarioOutcomes
from market.outcome import Clearing

__all__ = ["Clearing", "ClearingError", "ClearingScenarios", "ScenarioOutcomes", "clear"]
