"""What changed between two plans of the same inputs: figures and slots."""

from __future__ import annotations

from dataclasses import dataclass

from market.dispatch import DispatchPlan, Indicator


@dataclass(frozen=True, slots=True)
class IndicatorChange:
    """An indicator before and after."""

    name: str
    before: Indicator
    after: Indicator

    @property
    def change(self) -> int:
        """After less before, in the indicator's unit."""
        return self.after.value - self.before.value

    @property
    def better(self) -> bool | None:
        """Whether the change is for the better; None where there is none."""
        if self.change == 0:
            return None
        return (self.change < 0) == (self.after.better == "lower")


@dataclass(frozen=True, slots=True)
class SlotChange:
    """A line's power in one slot (from the plan's first) before and after, W."""

    line: str
    slot: int
    before_w: int
    after_w: int


@dataclass(frozen=True, slots=True)
class Difference:
    """Indicators by name; slots in order of line and time, only those that changed."""

    indicators: tuple[IndicatorChange, ...]
    slots: tuple[SlotChange, ...]


def difference(before: DispatchPlan, after: DispatchPlan) -> Difference:
    """What ``after`` has that ``before`` had not. Lines and indicators of one alone are left out.

    Slots are matched by time, so the plans may begin at different ones.
    """
    shift = after.first_slot - before.first_slot
    changes = [
        SlotChange(line, slot, before.lines[line][slot + shift], value)
        for line, values in sorted(after.lines.items())
        if line in before.lines
        for slot, value in enumerate(values)
        if 0 <= slot + shift < before.slots and before.lines[line][slot + shift] != value
    ]
    return Difference(
        indicators=tuple(
            IndicatorChange(name, before.indicators[name], each)
            for name, each in sorted(after.indicators.items())
            if name in before.indicators
        ),
        slots=tuple(changes),
    )
