"""Systems from files: TOML or JSON, every key by the name it has in :mod:`twin.green_quota.system`.

::

    name = "island"
    ratio = 0.2
    buy_out_price = 90.0            # optional

    [demand]
    highest_price = 100.0           # currency a MWh at which nobody consumes
    slope = 0.01                    # currency a MWh and MWh

    [[producers]]
    name = "wind"
    kind = "renewable"              # or "thermal"
    available_mwh = 1500.0          # optional: no limit
    least_mwh = 0.0                 # optional
    withholds = "both"              # optional: "electricity", "certificates", "both", "nothing"

    [producers.maintenance]         # also fuel (thermal), depreciation, backup (renewable)
    fixed = 9000.0                  # currency a period, whatever is produced
    per_mwh = 2.0
    slope = 0.001                   # currency a MWh and MWh
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from twin.green_quota.system import (
    Cost,
    Demand,
    Kind,
    Producer,
    QuotaError,
    QuotaSystem,
    Withholding,
    check_system,
)

_COSTS = ("fuel", "maintenance", "depreciation", "backup")
_LARGEST_BYTES = 4_000_000
_Choice = TypeVar("_Choice", bound=StrEnum)


def read_system(path: Path) -> QuotaSystem:
    """The system a file describes, checked.

    Raises QuotaError for a file that cannot be read or says what cannot be; names the place.
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise QuotaError(f"{path} has more than {_LARGEST_BYTES:,} bytes: that is no system")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise QuotaError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise QuotaError(f"{path} is not UTF-8 text: {error.reason}") from error
    try:
        if path.suffix.lower() == ".json":
            found = json.loads(text)
        elif path.suffix.lower() == ".toml":
            found = tomllib.loads(text)
        else:
            raise QuotaError(f"{path}: name a file that ends in .toml or .json")
        system = system_from(found)
        check_system(system)
    except (json.JSONDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise QuotaError(f"{path} is not valid {path.suffix[1:].upper()}: {error}") from error
    except QuotaError as error:
        raise error if str(path) in str(error) else QuotaError(f"{path}: {error}") from error
    return system


def system_from(found: object) -> QuotaSystem:
    """A system from what a file held. Raises QuotaError for keys that are missing or unknown."""
    keys = {"name", "ratio", "buy_out_price", "demand", "producers"}
    table = _table(found, "the system", keys, {"ratio", "demand", "producers"})
    demand = _table(table["demand"], "demand", {"highest_price", "slope"}, None)
    producers = table["producers"]
    if not isinstance(producers, list):
        raise QuotaError("producers is no list: write one [[producers]] table for each")
    buy_out = table.get("buy_out_price")
    return QuotaSystem(
        name=_text(table.get("name", "system"), "name"),
        producers=tuple(_producer(each, place) for place, each in enumerate(producers, 1)),
        demand=Demand(
            _number(demand["highest_price"], "demand: highest_price"),
            _number(demand["slope"], "demand: slope"),
        ),
        ratio=_number(table["ratio"], "ratio"),
        buy_out_price=None if buy_out is None else _number(buy_out, "buy_out_price"),
    )


def _producer(found: object, place: int) -> Producer:
    where = f"producer {place}"
    keys = {"name", "kind", "available_mwh", "least_mwh", "withholds", *_COSTS}
    table = _table(found, where, keys, {"name", "kind"})
    name = _text(table["name"], f"{where}: name")
    available = table.get("available_mwh")
    costs = {part: _cost(table[part], f"{name}: {part}") for part in _COSTS if part in table}
    return Producer(
        name=name,
        kind=_choice(table["kind"], Kind, f"{name}: kind"),
        least_mwh=_number(table.get("least_mwh", 0.0), f"{name}: least_mwh"),
        available_mwh=None if available is None else _number(available, f"{name}: available_mwh"),
        withholds=_choice(table.get("withholds", "nothing"), Withholding, f"{name}: withholds"),
        **costs,
    )


def _cost(found: object, where: str) -> Cost:
    table = _table(found, where, {"fixed", "per_mwh", "slope"}, set())
    return Cost(**{key: _number(value, f"{where} {key}") for key, value in table.items()})


def _table(found: object, where: str, keys: set[str], needed: set[str] | None) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise QuotaError(f"{where} is no table of keys and values")
    for key in found:
        if key not in keys:
            raise QuotaError(f"{where} has no {key!r}: it may have {', '.join(sorted(keys))}")
    for key in sorted(keys if needed is None else needed):
        if key not in found:
            raise QuotaError(f"{where}: {key} is missing")
    return found


def _number(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise QuotaError(f"{where} is {value!r}: give a number")
    try:
        return float(value)
    except OverflowError:
        raise QuotaError(f"{where} is too large") from None


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise QuotaError(f"{where} is {value!r}: give a text")
    return value


def _choice(value: object, kind: type[_Choice], where: str) -> _Choice:
    try:
        return kind(_text(value, where))
    except ValueError:
        raise QuotaError(f"{where} is {value!r}: give one of {', '.join(kind)}") from None
