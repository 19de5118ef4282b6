"""An account's own history on the ledger, in figures that anybody can compute again.

`facts` are what was settled, metered, ruled and paid; `record` counts and sums them by a documented
formula: integers alone, ratios in millionths, no score. It knows no node and no database: the same
facts give the same record to the last byte. docs/trusted-profile.md says what it cannot show.
"""

from __future__ import annotations

from market.track_record.facts import (
    AccountHistory,
    ClosedPeriod,
    Delivery,
    DisputedReading,
    Instruction,
    InstructionStatus,
    Obligation,
    Ruling,
)
from market.track_record.record import (
    LEAST_PERIODS,
    WINDOWS,
    CarrierFigures,
    Disputes,
    MarketRecord,
    QuotaFigures,
    ResponseFigures,
    TrackRecord,
    Window,
    record_of,
)

__all__ = [
    "LEAST_PERIODS",
    "WINDOWS",
    "AccountHistory",
    "CarrierFigures",
    "ClosedPeriod",
    "Delivery",
    "DisputedReading",
    "Disputes",
    "Instruction",
    "InstructionStatus",
    "MarketRecord",
    "Obligation",
    "QuotaFigures",
    "ResponseFigures",
    "Ruling",
    "TrackRecord",
    "Window",
    "record_of",
]
