"""Whose names mean whom: OpenADR names and ids against accounts and numbers of the chain."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from market.openadr.document import Node, OpenAdrError, Version, required

_T = TypeVar("_T")
_NAMING_TYPES = ("VEN_NAME", "RESOURCE_NAME")


@dataclass(frozen=True, slots=True)
class Directory:
    """`accounts`: VEN or resource names to addresses, of the accounts that are enrolled;
    `programmes`, `events`: ids that the VTN gave to numbers on the chain."""

    accounts: Mapping[str, str]
    programmes: Mapping[str, int]
    events: Mapping[str, int] = field(default_factory=dict)

    def programme(self, node: Node) -> int:
        program_id = node.object_id()
        if program_id not in self.programmes:
            raise node.refuse(f"no programme is known as {program_id!r}")
        return self.programmes[program_id]

    def event(self, node: Node) -> int:
        event_id = node.object_id()
        if event_id not in self.events:
            raise node.refuse(f"no event is known as {event_id!r}")
        return self.events[event_id]

    def account(self, node: Node) -> str:
        name = node.text()
        if name not in self.accounts:
            raise node.refuse(f"nobody is enrolled as {name!r}")
        return self.accounts[name]

    def targets(self, node: Node | None) -> tuple[str, ...]:
        """The accounts that a document's targets name, in its order; all that are enrolled where
        it has none. Version 3.1 lists names, 3.0.1 types with names."""
        if node is None or not node.items():
            return tuple(self.accounts.values())
        found: list[str] = []
        for item in node.items():
            if isinstance(item.value, str):
                named = [item]
            else:
                fields = item.fields({"type", "values"})
                required(fields, "type", item).choice(*_NAMING_TYPES)
                named = required(fields, "values", item).items()
            for name in named:
                account = self.account(name)
                if account in found:
                    raise name.refuse(f"{account} is targeted twice")
                found.append(account)
        return tuple(found)

    def name_of(self, account: str) -> str:
        return _inverse(self.accounts, account, "account")

    def program_id(self, programme: int) -> str:
        return _inverse(self.programmes, programme, "programme")

    def event_id(self, event: int) -> str:
        return _inverse(self.events, event, "event")

    def write_targets(self, accounts: Collection[str], version: Version) -> list[Any]:
        names = [self.name_of(account) for account in accounts]
        if version is Version.V3_0_1:
            return [{"type": "RESOURCE_NAME", "values": names}]
        return names


def _inverse(names: Mapping[str, _T], value: _T, kind: str) -> str:
    for name, meant in names.items():
        if meant == value:
            return name
    raise OpenAdrError("$", f"no name is known for {kind} {value}")
