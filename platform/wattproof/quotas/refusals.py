"""What to do when the quotas' contract refuses, by the name of its error."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from wattproof.certificates.refusals import ADVICE as CERTIFICATES
from wattproof.errors import Advice

ADVICE: Mapping[str, Advice] = MappingProxyType(
    dict(CERTIFICATES)
    | {
        "NotObliged": Advice("not_obliged", "GET /quotas/me lists what you are obliged to"),
        "NotEligible": Advice(
            "not_eligible",
            "its technology does not count for this quota, or it was produced too early or too "
            "late; GET /quotas/{quota}/suggestion lists yours that count",
        ),
        "BeyondObligation": Advice(
            "beyond_obligation",
            "the figure is what is still owed for the periods reported so far: surrender at most "
            "that, and the rest when more was reported",
        ),
        "BeyondBankLimit": Advice(
            "beyond_bank_limit",
            "the figure is what older certificates may still meet of what was reported so far; "
            "surrender younger ones",
        ),
        "SurrenderEnded": Advice(
            "too_late", "the figure is the last second; what lacked is penalised at settlement"
        ),
        "SurrenderNotEnded": Advice("too_early", "the figure is the last second for surrendering"),
        "SettledBefore": Advice("settled", "the obligation is settled for good"),
        "ReportedBefore": Advice("reported", "the period counts already"),
        "OutsideQuota": Advice(
            "outside_quota", "GET /quotas/{quota} says which periods are the compliance period"
        ),
        "ReadingNotFinal": Advice(
            "reading_not_final", "the reading can still change; report it when it is final"
        ),
        "PublishedTooLate": Advice(
            "too_late",
            "terms and ratios are published a week before the compliance period; the figure is "
            "when it begins",
        ),
        "NoMeter": Advice(
            "no_meter", "the account has no meter for the quota's market and carrier to count by"
        ),
        "RatioTooLarge": Advice("bad_ratio", "a ratio is at most 1,000,000 millionths"),
        "BadTerms": Advice("bad_terms", "the text says which of the terms to change"),
        "UnknownMarket": Advice("no_market", "GET /markets lists the markets"),
        "TooLarge": Advice("too_large", "name less"),
    }
)
