"""A JSON-RPC client over HTTP with the standard library alone, for controlling a node."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from itertools import count
from typing import Any


class RpcError(Exception):
    """The node answered with an error: `code`, `message` and `data` as it gave them."""

    def __init__(self, method: str, code: int, message: str, data: Any = None) -> None:
        super().__init__(f"{method}: {message} (code {code})")
        self.code = code
        self.message = message
        self.data = data


class JsonRpc:
    """Calls to one node. An unreachable node raises OSError."""

    def __init__(self, url: str, timeout_seconds: float = 60.0) -> None:
        self.url = url
        self._timeout_seconds = timeout_seconds
        self._ids = count(1)

    def call(self, method: str, *params: Any) -> Any:
        """The result of one call. Raises RpcError."""
        answer = self._post(self._request(method, params))
        return _result(method, answer)

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """The results of several calls sent together, in their order.

        Raises RpcError for the first that failed; the others were carried out all the same.
        """
        if not calls:
            return []
        requests = [self._request(method, params) for method, params in calls]
        answers = {answer["id"]: answer for answer in self._post(requests)}
        return [_result(request["method"], answers[request["id"]]) for request in requests]

    def _request(self, method: str, params: Sequence[Any]) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": list(params)}

    def _post(self, body: Any) -> Any:
        request = urllib.request.Request(
            self.url,
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with _DIRECT.open(request, timeout=self._timeout_seconds) as response:
            return json.load(response)


# A proxy from the environment would swallow calls to this machine.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _result(method: str, answer: dict[str, Any]) -> Any:
    if "error" in answer:
        error = answer["error"]
        raise RpcError(method, error["code"], error["message"], error.get("data"))
    return answer["result"]
