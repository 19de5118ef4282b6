"""A planner's inputs between JSON and the frozen dataclasses a twin takes.

A dataclass is an object with its fields' names, a mapping one with its keys, an array a list, a
moment ISO 8601 text with its offset, an enumeration its value or, where that is but a number, its
name in lower case. Fields at their default may be left out.
"""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from enum import Enum, IntEnum
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import numpy as np

from market.dispatch import InputsError

_ELEMENTS_MAX = 1_000_000
_NO_NUMBER = "no whole number"

T = TypeVar("T")


def to_json(value: Any) -> Any:
    """Plain values of a dataclass, and of everything in it that `read` reads."""
    if is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: to_json(getattr(value, field.name))
            for field in fields(value)
            if not _is_default(field, getattr(value, field.name))
        }
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Enum):
        return _plain(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple | list):
        return [to_json(each) for each in value]
    if isinstance(value, Mapping):
        return {
            str(_plain(key) if isinstance(key, Enum) else key): to_json(each)
            for key, each in value.items()
        }
    if isinstance(value, np.generic):
        return value.item()
    return value


def read(kind: type[T], raw: Any, place: str = "inputs") -> T:
    """The dataclass ``kind`` of its JSON.

    Raises:
        InputsError: a field is missing, unknown or of another kind, a number is not finite, or the
            dataclass refuses what it is given; names the field by its path.
    """
    if not isinstance(raw, Mapping):
        raise InputsError(f"{place} must be an object, not {_said(raw)}")
    known: dict[str, Field[Any]] = {field.name: field for field in fields(cast(Any, kind))}
    for name in raw:
        if name not in known:
            raise InputsError(f"{place} has no field {name!r}; it has {', '.join(known)}")
    hints = get_type_hints(kind)
    given: dict[str, Any] = {}
    for name, field in known.items():
        if name in raw:
            given[name] = _value(hints[name], raw[name], f"{place}.{name}")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise InputsError(f"{place}.{name} is missing")
    try:
        return kind(**given)
    except InputsError:
        raise
    except (ValueError, TypeError, OverflowError) as error:
        raise InputsError(f"{place}: {error}") from error


def _value(hint: Any, raw: Any, place: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        if raw is None and type(None) in get_args(hint):
            return None
        (inner,) = (each for each in get_args(hint) if each is not type(None))
        return _value(inner, raw, place)
    if origin is np.ndarray:
        return _array(np.dtype(get_args(get_args(hint)[1])[0]), raw, place)
    if origin is tuple:
        return _tuple(get_args(hint), raw, place)
    if origin is Mapping:
        return _mapping(get_args(hint), raw, place)
    if isinstance(hint, type) and is_dataclass(hint):
        return read(hint, raw, place)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _member(hint, raw, place)
    if hint is datetime:
        return _moment(raw, place)
    return _scalar(hint, raw, place)


def _scalar(hint: Any, raw: Any, place: str) -> Any:
    if hint is float:
        if isinstance(raw, bool) or not isinstance(raw, int | float) or not _finite(raw):
            raise InputsError(f"{place} must be a finite number, not {_said(raw)}")
        return float(raw)
    if not isinstance(raw, hint) or (hint is int and isinstance(raw, bool)):
        raise InputsError(f"{place} must be {hint.__name__}, not {_said(raw)}")
    return raw


def _finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


def _array(dtype: np.dtype[Any], raw: Any, place: str) -> Any:
    if not isinstance(raw, list):
        raise InputsError(f"{place} must be a list, not {_said(raw)}")
    flat = _checked(raw, dtype.kind == "b", place, depth=0)
    if flat > _ELEMENTS_MAX:
        raise InputsError(f"{place} holds {flat} values; at most {_ELEMENTS_MAX} are taken")
    try:
        return np.array(raw, dtype=dtype)
    except ValueError as error:
        raise InputsError(f"{place} is ragged: its rows differ in length") from error


def _checked(raw: list[Any], truth: bool, place: str, depth: int) -> int:
    """Check every element; returns how many there are."""
    if depth > 3:
        raise InputsError(f"{place} is nested too deeply")
    count = 0
    for index, each in enumerate(raw):
        here = f"{place}[{index}]"
        if isinstance(each, list):
            count += _checked(each, truth, here, depth + 1)
            continue
        _scalar(bool if truth else float, each, here)
        count += 1
    return count


def _tuple(kinds: tuple[Any, ...], raw: Any, place: str) -> tuple[Any, ...]:
    if not isinstance(raw, list):
        raise InputsError(f"{place} must be a list, not {_said(raw)}")
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(raw)
    if len(kinds) != len(raw):
        raise InputsError(f"{place} must have {len(kinds)} values, not {len(raw)}")
    return tuple(
        _value(kind, each, f"{place}[{index}]")
        for index, (kind, each) in enumerate(zip(kinds, raw, strict=True))
    )


def _mapping(kinds: tuple[Any, ...], raw: Any, place: str) -> dict[Any, Any]:
    """JSON knows text as keys alone; whole numbers and members are read from it."""
    if not isinstance(raw, Mapping):
        raise InputsError(f"{place} must be an object, not {_said(raw)}")
    key_kind, kind = kinds
    found: dict[Any, Any] = {}
    for name, each in raw.items():
        try:
            key = _named(key_kind, name) if issubclass(key_kind, IntEnum) else key_kind(name)
        except ValueError:
            known = f"none of {_members(key_kind)}" if issubclass(key_kind, Enum) else _NO_NUMBER
            raise InputsError(f"{place} has the key {name!r}, which is {known}") from None
        found[key] = _value(kind, each, f"{place}.{name}")
    return found


def _member(kind: type[Enum], raw: Any, place: str) -> Enum:
    try:
        return _named(kind, raw) if issubclass(kind, IntEnum) else kind(raw)
    except ValueError:
        raise InputsError(f"{place} is one of {_members(kind)}, not {_said(raw)}") from None


def _named(kind: type[IntEnum], raw: Any) -> IntEnum:
    """The member of a name in lower case. Raises ValueError for any other."""
    for member in kind:
        if member.name.lower() == raw:
            return member
    raise ValueError(f"{raw!r} is no {kind.__name__}")


def _members(kind: type[Enum]) -> str:
    return ", ".join(str(_plain(member)) for member in kind)


def _plain(member: Enum) -> Any:
    """A member as it is written: its value; where that is but a number, its name in lower case."""
    return member.name.lower() if isinstance(member, IntEnum) else member.value


def _moment(raw: Any, place: str) -> datetime:
    try:
        moment = datetime.fromisoformat(raw)
    except (TypeError, ValueError):
        raise InputsError(
            f"{place} must be a moment like 2026-03-02T00:00:00+00:00, not {_said(raw)}"
        ) from None
    if moment.tzinfo is None:
        raise InputsError(f"{place} = {raw} has no time zone; write 2026-03-02T00:00:00+00:00")
    return moment


def _is_default(field: Field[Any], value: Any) -> bool:
    if field.default is MISSING or isinstance(value, np.ndarray):
        return False
    return bool(value == field.default)


def _said(raw: Any) -> str:
    text = repr(raw)
    return text if len(text) <= 60 else f"{text[:57]}..."
