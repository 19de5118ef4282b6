"""Pages by cursor: an opaque mark after the last item, so that new items shift nothing."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from wattproof.errors import InvalidError

Item = TypeVar("Item")
_INT64 = 1 << 63

Limit = Annotated[int, Query(ge=1, le=200, description="Items on a page.")]
Cursor = Annotated[
    str | None,
    Query(max_length=400, description="`next_cursor` of the page before; leave out to begin."),
]


class Page(BaseModel, Generic[Item]):
    """Some items, and where the next ones begin."""

    items: list[Item]
    next_cursor: str | None = Field(description="Null on the last page.")


def encode(key: Sequence[int | str]) -> str:
    """A cursor after the item with this sort key."""
    return base64.urlsafe_b64encode(json.dumps(list(key)).encode()).decode().rstrip("=")


def decode(
    cursor: str | None, kinds: Sequence[type[int] | type[str]]
) -> tuple[int | str, ...] | None:
    """The sort key of a cursor; None at the beginning.

    Raises:
        InvalidError: it is not a cursor of this list.
    """
    if cursor is None:
        return None
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        key = json.loads(text)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise InvalidError("the cursor is not one of ours", code="bad_cursor") from error
    fits = (
        isinstance(key, list)
        and len(key) == len(kinds)
        and all(type(part) is kind for part, kind in zip(key, kinds, strict=True))
        and all(abs(part) < _INT64 for part in key if isinstance(part, int))
        and not any("\0" in part or not part.isascii() for part in key if isinstance(part, str))
    )
    if not fits:
        raise InvalidError("the cursor is not one of this list", code="bad_cursor")
    return tuple(key)


def page(
    items: Sequence[Item], limit: int, key: Callable[[Item], Sequence[int | str]]
) -> tuple[list[Item], str | None]:
    """Cut ``limit + 1`` fetched items to a page and its cursor.

    Args:
        key: function from an item to its sort key.
    """
    shown = list(items[:limit])
    return shown, encode(key(shown[-1])) if len(items) > limit else None
