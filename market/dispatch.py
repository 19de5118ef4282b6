"""What stands between a twin's decision and its bids: a plan that a person reads, edits and signs.

A `Planner` is a market's own: it reads a participant's inputs, solves for a plan, solves again with
some values fixed, and learns from what was metered. Here is what all of them have in common. A plan
is integers from the start, because what is approved is signed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeVar

from eth_utils.crypto import keccak

from identity.canonical import canonical_json
from market.signature import Domain

if TYPE_CHECKING:
    from market.registry import MarketManifest

COST: Final = "cost"
PEAK: Final = "peak"
COMFORT: Final = "comfort"
"""Indicators that every plan has: micro-units of money, W, and hundredths of a per cent."""

POWER_MAX_W: Final = 10**12
_SLOTS_MAX = 256
_LINES_MAX = 4_096
_EXACT = 2**53

Better = Literal["lower", "higher"]


class DispatchError(ValueError):
    """A plan, an edit or the inputs of a plan cannot be used; says why and what to do."""


class InputsError(DispatchError):
    """The inputs of a plan are malformed or impossible; names the field."""


class EditError(DispatchError):
    """An edit names no line or slot of the plan, or no power at all."""


class InfeasibleError(DispatchError):
    """No plan keeps every limit.

    Attributes:
        conflicts: edits that cannot stand together: without any one of them the others could.
            Empty where there is no plan even without edits.
    """

    def __init__(self, reason: str, conflicts: Sequence[Edit] = ()) -> None:
        self.conflicts = tuple(conflicts)
        named = "; ".join(map(str, self.conflicts))
        super().__init__(f"{reason}: {named}" if named else reason)


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """A value that a person fixed: mean power ``value_w`` (W) of ``line`` in ``slot``.

    ``slot`` counts from the plan's first; the sign is the line's (consumption positive).
    """

    line: str
    slot: int
    value_w: int

    def __str__(self) -> str:
        return f"{self.line}[{self.slot}] = {self.value_w} W"


@dataclass(frozen=True, slots=True)
class Indicator:
    """What a plan amounts to in one respect: ``value`` in ``unit``, and which way is better."""

    value: int
    unit: str
    better: Better

    def __post_init__(self) -> None:
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            raise DispatchError(f"an indicator is a whole number, not {self.value!r}")
        if abs(self.value) >= _EXACT:
            raise DispatchError(f"an indicator of {self.value} {self.unit} is beyond 2^53")
        if self.better not in ("lower", "higher"):
            raise DispatchError(f"an indicator is better lower or higher, not {self.better!r}")


@dataclass(frozen=True, slots=True)
class DispatchPlan:
    """Mean power of every line in every slot, W, consumption positive.

    Attributes:
        first_slot: number of the first slot (its start in seconds UTC / ``slot_seconds``).
        lines: what can be edited, by name, one value a slot. A line that bears the name of one of
            the market's carriers is what the participant's meter of that carrier reads; any
            other line is metered where the proposal says so, or not at all.
        indicators: at least `COST` (micro), `PEAK` (W) and `COMFORT` (of 10,000).

    Raises DispatchError where lines differ in length, or a value is no whole number of W.
    """

    first_slot: int
    slot_seconds: int
    lines: Mapping[str, tuple[int, ...]]
    indicators: Mapping[str, Indicator]

    def __post_init__(self) -> None:
        if not self.lines or len(self.lines) > _LINES_MAX:
            raise DispatchError(f"a plan has 1 to {_LINES_MAX} lines, not {len(self.lines)}")
        if len({len(values) for values in self.lines.values()}) != 1:
            raise DispatchError("the lines of a plan differ in length")
        if not 1 <= self.slots <= _SLOTS_MAX:
            raise DispatchError(f"a plan has 1 to {_SLOTS_MAX} slots, not {self.slots}")
        if self.first_slot < 0 or self.slot_seconds < 1:
            raise DispatchError("a plan begins at slot 0 or later, in slots of a second or more")
        for name, values in self.lines.items():
            for slot, value in enumerate(values):
                if not is_power(value):
                    raise DispatchError(f"{name}[{slot}] is {value!r}, not a whole number of W")
        missing = {COST, PEAK, COMFORT} - self.indicators.keys()
        if missing:
            raise DispatchError(f"the plan lacks the indicators {', '.join(sorted(missing))}")

    @property
    def slots(self) -> int:
        return len(next(iter(self.lines.values())))

    def to_json(self) -> dict[str, Any]:
        """The plan as canonical JSON takes it."""
        return {
            "firstSlot": self.first_slot,
            "slotSeconds": self.slot_seconds,
            "lines": {name: list(values) for name, values in self.lines.items()},
            "indicators": {
                name: {"value": each.value, "unit": each.unit, "better": each.better}
                for name, each in self.indicators.items()
            },
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> DispatchPlan:
        """The plan of its JSON. Raises DispatchError for anything else."""
        try:
            return cls(
                first_slot=value["firstSlot"],
                slot_seconds=value["slotSeconds"],
                lines={str(name): tuple(each) for name, each in value["lines"].items()},
                indicators={
                    str(name): Indicator(each["value"], each["unit"], each["better"])
                    for name, each in value["indicators"].items()
                },
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise DispatchError(f"this is no dispatch plan: {error!r}") from error

    @classmethod
    def from_document(cls, text: str) -> DispatchPlan:
        """The plan of a text that `PlanBinding.document` made. Raises DispatchError."""
        try:
            return cls.from_json(json.loads(text)["plan"])
        except (ValueError, KeyError, TypeError) as error:
            raise DispatchError(f"this is no plan's document: {error}") from error

    def check_edits(self, edits: Sequence[Edit]) -> None:
        """Raises EditError for an edit of no line or slot of the plan, and for two of one place."""
        seen: set[tuple[str, int]] = set()
        for edit in edits:
            if edit.line not in self.lines:
                known = ", ".join(sorted(self.lines)[:8])
                raise EditError(f"the plan has no line {edit.line!r}; it has {known}")
            if not 0 <= edit.slot < self.slots:
                raise EditError(
                    f"{edit.line} has slots 0 to {self.slots - 1}, there is no slot {edit.slot}"
                )
            if not is_power(edit.value_w):
                raise EditError(
                    f"{edit.line}[{edit.slot}] = {edit.value_w!r}: power is a whole number of W "
                    f"within +-{POWER_MAX_W}"
                )
            if (edit.line, edit.slot) in seen:
                raise EditError(f"{edit.line}[{edit.slot}] is edited twice")
            seen.add((edit.line, edit.slot))

    def keeping(self, edits: Sequence[Edit]) -> DispatchPlan:
        """The plan with edited values as they were given, to the W.

        Raises EditError as `check_edits` does.
        """
        self.check_edits(edits)
        lines = {name: list(values) for name, values in self.lines.items()}
        for edit in edits:
            lines[edit.line][edit.slot] = edit.value_w
        return replace(self, lines={name: tuple(values) for name, values in lines.items()})


def check_place(edit: Edit, lines: Collection[str], slots: int) -> None:
    """Raises EditError where a plan of these lines and so many slots has no place for an edit."""
    if edit.line not in lines:
        raise EditError(f"the plan has no line {edit.line!r}; it has {', '.join(lines)}")
    if not 0 <= edit.slot < slots:
        raise EditError(f"{edit.line} has slots 0 to {slots - 1}, there is no slot {edit.slot}")


def infeasible(
    error: Exception, conflicts: Sequence[object], fixed: Sequence[object], edits: Sequence[Edit]
) -> InfeasibleError:
    """A twin's word that there is no plan, with the edits as people gave them.

    Args:
        conflicts: those among ``fixed`` that cannot stand together, ``fixed`` being what the twin
            made of ``edits``, one by one.
    """
    named = [edit for fix, edit in zip(fixed, edits, strict=True) if fix in conflicts]
    return InfeasibleError(str(error).partition(":")[0] if named else str(error), named)


def is_power(value: object) -> bool:
    """Whether a value is a whole number of W that a plan may hold."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= POWER_MAX_W


@dataclass(frozen=True, slots=True)
class PlanBinding:
    """What a plan belongs to; a plan's hash is worth nothing anywhere else.

    ``inputs`` is the hash of the inputs it was solved from (`inputs_hash`).
    """

    domain: Domain
    market: int
    period: int
    participant: str
    inputs: bytes

    def document(self, plan: DispatchPlan) -> bytes:
        """Plan and binding as canonical JSON (RFC 8785): the text whose hash is approved."""
        return canonical_json(
            {
                "chainId": str(self.domain.chain_id),
                "exchange": self.domain.exchange,
                "market": self.market,
                "period": self.period,
                "participant": self.participant,
                "inputs": "0x" + self.inputs.hex(),
                "plan": plan.to_json(),
            }
        )


def plan_hash(binding: PlanBinding, plan: DispatchPlan) -> bytes:
    """Keccak-256 of the plan's document, 32 bytes."""
    return keccak(binding.document(plan))


def inputs_text(inputs: Mapping[str, Any]) -> str:
    """The text of a plan's inputs: ASCII JSON with sorted keys, no spaces, shortest numbers.

    Raises InputsError for NaN, infinities, and what JSON does not know.
    """
    try:
        return json.dumps(inputs, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (ValueError, TypeError, RecursionError) as error:
        raise InputsError(f"the inputs have no JSON text: {error}") from error


def inputs_hash(text: str) -> bytes:
    """Keccak-256 of the inputs' text, 32 bytes."""
    return keccak(text.encode())


@dataclass(frozen=True, slots=True)
class Measurement:
    """What came of an instruction.

    Attributes:
        inputs: the inputs corrected by what was metered, for the next plan; JSON.
        deviation_wh: metered less planned energy of every metered line, one value a slot, None
            where the meter has no value.
        indicators: what the plan's indicators really were, as far as the meter tells.
    """

    inputs: Mapping[str, Any]
    deviation_wh: Mapping[str, tuple[int | None, ...]]
    indicators: Mapping[str, Indicator] = field(default_factory=dict)


InputsT = TypeVar("InputsT")


class Planner(Protocol[InputsT]):
    """How a market plans for a participant. Solving takes as long as it takes; nothing is locked.

    A market names the module that has one as `PLANNER` in its manifest (``planner``).
    """

    def parse_inputs(self, raw: Mapping[str, Any]) -> InputsT:
        """The inputs of their JSON. Raises InputsError naming the field and what is wrong."""
        ...

    def solve(self, inputs: InputsT, edits: Sequence[Edit] = ()) -> DispatchPlan:
        """The best plan with the edits fixed exactly; the same inputs give the same plan.

        Raises:
            EditError: an edit of no line or slot.
            InfeasibleError: names a smallest set of edits that cannot stand together.
        """
        ...

    def measure(
        self,
        inputs: InputsT,
        plan: DispatchPlan,
        metered: Mapping[str, Sequence[int | None]],
        observed: Mapping[str, Any],
    ) -> Measurement:
        """Close the loop: correct the inputs by what was metered.

        Args:
            metered: Wh of the metered lines, one value a slot of the plan, None where missing.
            observed: what else the participant saw (temperatures, stays, ...); JSON, may be empty.

        Raises:
            InputsError: what was observed makes no sense.
        """
        ...


def metered_deviation_wh(
    plan: DispatchPlan, metered: Mapping[str, Sequence[int | None]]
) -> dict[str, tuple[int | None, ...]]:
    """Metered less planned energy by line, Wh a slot, planned rounded to whole Wh."""
    return {
        line: tuple(
            None if wh is None else wh - energy_of(power, plan.slot_seconds)
            for wh, power in zip(values, plan.lines[line], strict=True)
        )
        for line, values in metered.items()
    }


def energy_of(power_w: int, slot_seconds: int) -> int:
    """Energy of a slot at a mean power, whole Wh, halves upward."""
    return (2 * power_w * slot_seconds + 3_600) // 7_200


def planner_of(manifest: MarketManifest) -> Planner[Any]:
    """The market's planner, imported now. Raises DispatchError where it has none."""
    if manifest.planner is None:
        raise DispatchError(f"the market {manifest.name} has no planner")
    planner: Planner[Any] = import_module(manifest.planner).PLANNER
    return planner
