"""Values that a person fixed in a plan, and which of them cannot stand together.

A plan is a set of named lines, one value a slot. An operator who knows more than the model fixes
some of them; the optimiser then solves for the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """A value that a person fixed: ``value_w`` of ``line`` in ``slot`` (from 0), W.

    The sign is that of the line (consumption positive unless the line says otherwise).
    """

    line: str
    slot: int
    value_w: float

    def __str__(self) -> str:
        return f"{self.line}[{self.slot}] = {self.value_w:g} W"


class InfeasiblePlanError(ValueError):
    """No plan keeps every limit.

    Attributes:
        conflicts: edits that cannot stand together: without any one of them the others could.
            Empty where there is no plan even without edits.
    """

    def __init__(self, reason: str, conflicts: Sequence[Edit] = ()) -> None:
        self.conflicts = tuple(conflicts)
        named = "; ".join(map(str, self.conflicts))
        super().__init__(f"{reason}: {named}" if named else reason)


def smallest_conflict(
    edits: Sequence[Edit], feasible: Callable[[Sequence[Edit]], bool]
) -> tuple[Edit, ...]:
    """A smallest set (no proper subset conflicts) of edits that cannot stand together.

    QuickXplain (Junker 2004, AAAI): about ``2 k log(n / k) + 2 k`` trials for a conflict of ``k``
    among ``n`` edits. Empty when all can stand together, or nothing is feasible without edits.

    Args:
        feasible: whether a plan exists with these edits fixed.
    """
    wanted = list(edits)
    if feasible(wanted) or not feasible([]):
        return ()

    def conflict(background: list[Edit], grown: bool, candidates: list[Edit]) -> list[Edit]:
        if grown and not feasible(background):
            return []
        if len(candidates) == 1:
            return candidates
        half = len(candidates) // 2
        first, second = candidates[:half], candidates[half:]
        in_second = conflict(background + first, bool(first), second)
        in_first = conflict(background + in_second, bool(in_second), first)
        return in_first + in_second

    return tuple(sorted(conflict([], False, wanted)))
