"""Limits on what a request may bring, and headers that every answer carries."""

from __future__ import annotations

from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wattproof.auth.rate_limits import Standing

BODY_BYTES_MAX: Final = 1 << 20
_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
)


class Limits:
    """Refuses to read more than a mebibyte of a request's body (413)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen = 0
        state = scope.setdefault("state", {})

        async def limited() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > BODY_BYTES_MAX:
                raise HTTPException(413, "a request's body may have 1 MiB")
            return message

        async def reply(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
                standing: Standing | None = state.get("rate_limit")
                if standing is not None:
                    message["headers"] += standing.headers()
            await send(message)

        await self._app(scope, limited, reply)
