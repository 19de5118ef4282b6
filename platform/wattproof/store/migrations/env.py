"""Alembic's entry point; `wattproof.store.migrate` hands it a connection."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context

from wattproof.store import metadata
from wattproof.store.types import BigInt, DecimalText


def _render(kind: str, item: Any, autogen: Any) -> str | Literal[False]:
    if kind == "type":
        if isinstance(item, BigInt | DecimalText):
            autogen.imports.add("from wattproof.store.types import BigInt, DecimalText")
            return f"{type(item).__name__}()"
        if type(item).__name__ == "AutoString":
            return f"sa.String(length={item.length})" if item.length else "sa.String()"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata.load(),
    render_item=_render,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
