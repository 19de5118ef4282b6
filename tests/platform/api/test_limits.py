from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize("depth", [2_000, 500_000])
def test_deeply_nested_json_is_refused_and_the_server_lives(client: Any, depth: int) -> None:
    answer = client.post(
        "/auth/sessions",
        content=b"[" * depth + b"]" * depth,
        headers={"Content-Type": "application/json"},
    )
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert client.get("/health").status_code == 200


def test_a_body_of_more_than_a_mebibyte_is_refused(client: Any) -> None:
    answer = client.post("/auth/sessions", content=b" " * (1 << 20) + b"{}")
    assert answer.status_code == 413
