"""Reading JSON documents field by field: every refusal names the place and says what was wrong.

Nothing is passed over: a field that this package does not know is refused, because dropping it
could change what the sender meant.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

OBJECT_ID = re.compile(r"[a-zA-Z0-9_-]{1,128}")
LONGEST_NAME = 128
PROVISIONED = frozenset({"id", "createdDateTime", "modificationDateTime", "objectType", "clientID"})
"""What a VTN adds to every object that it stores."""


class Version(StrEnum):
    """OpenADR 3 documents differ a little between these."""

    V3_0_1 = "3.0.1"
    V3_1_0 = "3.1.0"


class OpenAdrError(ValueError):
    """A document says something that cannot be meant or cannot be carried out.

    `path` is the JSON path of the place, `reason` what is wrong there and what would be right.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a document and where it stands."""

    value: Any
    path: str = "$"

    def refuse(self, reason: str) -> OpenAdrError:
        return OpenAdrError(self.path, reason)

    # Objects and lists

    def fields(self, known: Collection[str]) -> Mapping[str, Node]:
        """An object's fields that are not null. Raises OpenAdrError for one not in `known`."""
        if not isinstance(self.value, dict):
            raise self.refuse(f"an object is needed, not {_kind(self.value)}")
        for name in self.value:
            if name not in known:
                raise OpenAdrError(f"{self.path}.{name}", "no such field is known here")
        return {
            name: Node(value, f"{self.path}.{name}")
            for name, value in self.value.items()
            if value is not None
        }

    def items(self) -> list[Node]:
        if not isinstance(self.value, list | tuple):
            raise self.refuse(f"a list is needed, not {_kind(self.value)}")
        return [Node(value, f"{self.path}[{place}]") for place, value in enumerate(self.value)]

    # Single values

    def text(self) -> str:
        if not isinstance(self.value, str):
            raise self.refuse(f"a text is needed, not {_kind(self.value)}")
        if not 1 <= len(self.value) <= LONGEST_NAME:
            raise self.refuse(f"1 to {LONGEST_NAME} characters are needed, not {len(self.value)}")
        return self.value

    def object_id(self) -> str:
        text = self.text()
        if not OBJECT_ID.fullmatch(text):
            raise self.refuse(f"{text!r} is no object id: letters, digits, - and _ only")
        return text

    def boolean(self) -> bool:
        if not isinstance(self.value, bool):
            raise self.refuse(f"true or false is needed, not {_kind(self.value)}")
        return self.value

    def integer(self, least: int, most: int) -> int:
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            raise self.refuse(f"a whole number is needed, not {_kind(self.value)}")
        if not least <= self.value <= most:
            raise self.refuse(f"{self.value} is not between {least} and {most}")
        return self.value

    def scaled(self, factor: int, least: int, most: int) -> int:
        """A number times `factor`, which must be whole: nothing is rounded away."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float | Decimal):
            raise self.refuse(f"a number is needed, not {_kind(self.value)}")
        number = Decimal(str(self.value))
        if not number.is_finite():
            raise self.refuse("a finite number is needed")
        lowest, highest = Decimal(least) / factor, Decimal(most) / factor
        if not lowest <= number <= highest:
            raise self.refuse(f"{self.value} is not between {lowest} and {highest}")
        scaled = number * factor
        if scaled != scaled.to_integral_value():
            raise self.refuse(f"{self.value} is finer than 1/{factor}, which is the finest here")
        return int(scaled)

    def choice(self, *known: str) -> str:
        text = self.text()
        if text not in known:
            raise self.refuse(f"{text!r} is not one of {', '.join(known)}")
        return text


def required(fields: Mapping[str, Node], name: str, parent: Node) -> Node:
    """Raises OpenAdrError where the field is missing or null."""
    if name not in fields:
        raise OpenAdrError(f"{parent.path}.{name}", "is missing")
    return fields[name]


def values_maps(node: Node) -> dict[str, list[Node]]:
    """A list of `{"type", "values"}` by type, each type once."""
    found: dict[str, list[Node]] = {}
    for item in node.items():
        fields = item.fields({"type", "values"})
        kind = required(fields, "type", item).text()
        if kind in found:
            raise item.refuse(f"{kind} is given twice")
        found[kind] = required(fields, "values", item).items()
    return found


def single(values: list[Node], parent: Node, kind: str) -> Node:
    """The only value of a type."""
    if len(values) != 1:
        raise parent.refuse(f"{kind} has {len(values)} values; exactly one is needed")
    return values[0]


def decimal_number(scaled: int, factor: int) -> int | float:
    """`scaled / factor` as a JSON number that reads back to the same.

    Raises OpenAdrError for more than 15 digits, which a JSON number does not keep.
    """
    if abs(scaled) >= 10**15:
        raise OpenAdrError("$", f"{scaled}/{factor} has more digits than a JSON number keeps")
    whole, rest = divmod(scaled, factor)
    return scaled / factor if rest else whole


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a truth value"}
    return names.get(type(value), "null" if value is None else f"{value!r}")
