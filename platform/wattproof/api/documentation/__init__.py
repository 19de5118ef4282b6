"""Interactive documentation without anything from elsewhere: it works on a machine of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fastapi import APIRouter
from fastapi.responses import Response

from wattproof.api.access import Public

router = APIRouter(include_in_schema=False, dependencies=[Public])

_FOLDER: Final = Path(__file__).parent
_POLICY: Final = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'"


@router.get("/docs")
def page() -> Response:
    """The page; it reads /openapi.json and lets every endpoint be tried."""
    return _file("page.html", "text/html")


@router.get("/docs/page.js")
def script() -> Response:
    """The page's script."""
    return _file("page.js", "text/javascript")


@router.get("/docs/page.css")
def style() -> Response:
    """The page's style."""
    return _file("page.css", "text/css")


def _file(name: str, media_type: str) -> Response:
    content = (_FOLDER / name).read_text(encoding="utf-8")
    headers = {"Content-Security-Policy": _POLICY}
    return Response(content, media_type=media_type, headers=headers)
