"""Errors as problem details (RFC 9457): every refusal has a type, a title and a way out."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from traceback import format_tb
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import DBAPIError, OperationalError
from starlette.exceptions import HTTPException

from identity.errors import IdentityError, KeystoreError
from market.order import OrderError, SignatureError
from market.product import ProductError
from wattproof.auth.rate_limits import RateLimitedError
from wattproof.auth.sessions import UnauthenticatedError
from wattproof.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    RefusedError,
    UnavailableError,
    WattproofError,
)

MEDIA_TYPE = "application/problem+json"
_log = logging.getLogger("wattproof.api")

# RefusedError is 409 (the state of things says no) unless the caller lacks a right.
_FORBIDDEN = frozenset(
    {
        "scope_missing",
        "session_needed",
        "fresh_sign_in_needed",
        "not_yours",
        "no_credential",
        "no_role",
        "not_controller",
    }
)
_STATUS: dict[type[WattproofError], int] = {
    UnauthenticatedError: 401,
    RateLimitedError: 429,
    InvalidError: 422,
    RefusedError: 409,
    NotFoundError: 404,
    ConflictError: 409,
    UnavailableError: 503,
}


class FieldError(BaseModel):
    """One thing that is wrong in a request."""

    field: str = Field(description="Where: body.legs.0.product, query.limit, ...")
    message: str


class Problem(BaseModel):
    """Problem details of RFC 9457."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "urn:wattproof:problem:gate_closed",
                "title": "Conflict",
                "status": 409,
                "code": "gate_closed",
                "detail": "round 7 closed its gate; sign for a round that is open",
                "instance": "/orders",
            }
        }
    )

    type: str = Field(description="urn:wattproof:problem:<code>")
    title: str
    status: int
    code: str = Field(description="Stable, for machines.")
    detail: str = Field(description="What was wrong and what to do, for people.")
    instance: str
    errors: list[FieldError] | None = None


class ProblemResponse(JSONResponse):
    """A problem with its media type."""

    media_type = MEDIA_TYPE


def problem(
    request: Request,
    status: int,
    code: str,
    detail: str,
    *,
    errors: Sequence[FieldError] | None = None,
    headers: Mapping[str, str] | None = None,
) -> ProblemResponse:
    """The answer for one problem."""
    return ProblemResponse(
        Problem(
            type=f"urn:wattproof:problem:{code}",
            title=HTTPStatus(status).phrase,
            status=status,
            code=code,
            detail=detail,
            instance=request.url.path,
            errors=list(errors) if errors else None,
        ).model_dump(exclude_none=True),
        status_code=status,
        headers=dict(headers or {}),
    )


def status_of(error: WattproofError) -> int:
    """The HTTP status of a platform error."""
    if isinstance(error, RefusedError) and error.code in _FORBIDDEN:
        return 403
    for kind, status in _STATUS.items():
        if isinstance(error, kind):
            return status
    return 500


def install(app: FastAPI) -> None:
    """Answer every error of the application as a problem."""
    app.add_exception_handler(WattproofError, _on_platform_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(OperationalError, _on_database_error)
    app.add_exception_handler(KeystoreError, _on_key_error)
    for kind in (IdentityError, OrderError, SignatureError, ProductError):
        app.add_exception_handler(kind, _on_domain_error)
    app.add_exception_handler(Exception, _on_bug)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI entries for the problems an endpoint answers with."""
    return {
        status: {
            "model": Problem,
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {}},
        }
        for status in statuses
    }


async def _on_platform_error(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, WattproofError)
    status = status_of(error)
    if status >= 500:
        _log.error("%s %s: %s", request.method, _route(request), error.message)
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, RateLimitedError):
        headers["Retry-After"] = str(error.standing.retry_after_s)
    if status == 503:
        headers["Retry-After"] = "5"
    details = [FieldError(field=where, message=what) for where, what in error.details]
    return problem(request, status, error.code, error.message, errors=details, headers=headers)


async def _on_domain_error(request: Request, error: Exception) -> ProblemResponse:
    code = "bad_signature" if isinstance(error, SignatureError) else "invalid"
    return problem(request, 422, code, str(error))


async def _on_key_error(request: Request, error: Exception) -> ProblemResponse:
    """A key service that does not answer: what it says concerns nobody else."""
    _log.error("%s %s: %s", request.method, _route(request), error)
    detail = "a key of this installation does not sign now; try again"
    return problem(request, 503, "unavailable", detail, headers={"Retry-After": "5"})


async def _on_validation_error(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, RequestValidationError)
    found = [
        FieldError(field=".".join(str(part) for part in item["loc"]), message=item["msg"])
        for item in error.errors()
    ]
    first = f"{found[0].field}: {found[0].message}" if found else "the request is malformed"
    return problem(request, 422, "invalid", first, errors=found)


async def _on_http_error(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, HTTPException)
    # 400 is a body that is no JSON at all; it is answered as other JSON that does not fit.
    status = 422 if error.status_code == 400 else error.status_code
    code = HTTPStatus(status).phrase.lower().replace(" ", "_").replace("-", "_")
    return problem(request, status, code, str(error.detail), headers=error.headers)


async def _on_database_error(request: Request, error: Exception) -> ProblemResponse:
    _log.error("%s %s: %s", request.method, _route(request), _without_values(error))
    detail = "the database does not answer; try again"
    return problem(request, 503, "unavailable", detail, headers={"Retry-After": "5"})


async def _on_bug(request: Request, error: Exception) -> ProblemResponse:
    if isinstance(error, DBAPIError):
        where = "".join(format_tb(error.__traceback__))
        what = f"{type(error).__name__} ({type(error.orig).__name__})"
        _log.error("%s %s failed: %s\n%s", request.method, _route(request), what, where)
    else:
        _log.exception("%s %s failed", request.method, _route(request), exc_info=error)
    return problem(request, 500, "bug", "Wattproof failed at this request; it is in the log")


def _route(request: Request) -> str:
    """The path as it is declared: who or what it was about (a link, an address) is not logged."""
    return str(getattr(request.scope.get("route"), "path", "an unknown path"))


def _without_values(error: Exception) -> str:
    """The first line: a driver's following ones quote the statement's values."""
    return str(error).partition("\n")[0]
