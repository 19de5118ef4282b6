from __future__ import annotations

import copy
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import Request, urlopen

import pytest

from wattproof import audit
from wattproof.errors import InvalidError, NotFoundError
from wattproof.tasks.flow import run_until_idle

PRICE = 100_000_000


@pytest.fixture
def settled(desk: Any) -> Any:
    """One settled round of four orders."""
    number = desk.open_round()
    desk.buy(0, number, 0, 5_000, 3 * PRICE)
    desk.sell(1, number, 0, 3_000, PRICE)
    desk.buy(2, number, 0, 2_000, 3 * PRICE)
    desk.sell(3, number, 1, 700, 2 * PRICE)
    desk.close_gate(number)
    run_until_idle(desk.platform)
    return desk


def _export(desk: Any) -> dict[str, Any]:
    platform = desk.platform
    bundle = audit.export_round(platform.chain.rpc_url, platform.deployment, (desk.market, 1))
    return dict(json.loads(json.dumps(bundle)))


def _verify(desk: Any, bundle: dict[str, Any]) -> audit.Report:
    return audit.verify_bundle(bundle, desk.platform.chain.rpc_url)


def test_an_exported_round_verifies_against_the_chain(settled: Any) -> None:
    report = _verify(settled, _export(settled))
    assert report.findings == []
    assert [done.orders for done in report.rounds] == [4]


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(item, (*path, name))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _leaves(item, (*path, place))
    else:
        yield path


def _alter(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int):
        return value + 1
    return value[:-1] + ("0" if value[-1] != "0" else "1")


def test_a_bundle_altered_anywhere_is_refused_even_with_a_fresh_digest(settled: Any) -> None:
    from wattproof.audit.bundle import _digest

    bundle = _export(settled)
    accepted = []
    for path in _leaves(bundle):
        altered = copy.deepcopy(bundle)
        place: Any = altered
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = _alter(place[path[-1]])
        if path != ("digest",):
            altered["digest"] = _digest(altered)
        try:
            ok = _verify(settled, altered).ok
        except InvalidError:
            ok = False
        if ok:
            accepted.append(path)
    # Where the search for events begins is no statement about the round.
    assert accepted == [("deployment", "first_block")]


@pytest.mark.parametrize("content", [{}, {"version": 1}, {"deployment": 3}, [], "bundle", None])
def test_what_is_no_bundle_is_said_to_be_none(settled: Any, content: Any) -> None:
    with pytest.raises(InvalidError, match="no bundle"):
        _verify(settled, content)


def test_a_round_that_is_not_settled_cannot_be_exported(settled: Any) -> None:
    settled.open_round()
    platform = settled.platform
    with pytest.raises(NotFoundError, match="is Open"):
        audit.export_round(platform.chain.rpc_url, platform.deployment, (settled.market, 2))
    with pytest.raises(NotFoundError, match="has no round 9"):
        audit.export_round(platform.chain.rpc_url, platform.deployment, (settled.market, 9))


@pytest.fixture
def lying_node(settled: Any) -> Iterator[str]:
    """A real node behind a proxy that changes one byte of every settlement's call data."""
    target = settled.platform.chain.rpc_url

    class Proxy(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = Request(target, body, {"Content-Type": "application/json"})
            with urlopen(request) as response:
                answer = json.load(response)
            for part in answer if isinstance(answer, list) else [answer]:
                result = part.get("result")
                if isinstance(result, dict) and len(result.get("input", "")) > 1_000:
                    data = result["input"]
                    # The fill of the first order, in the middle of the call data.
                    place = data.rindex("0bb8")
                    result["input"] = data[:place] + "0bb7" + data[place + 4 :]
            content = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_node_that_alters_call_data_is_caught(settled: Any, lying_node: str) -> None:
    report = audit.replay(lying_node, settled.platform.deployment)
    assert not report.ok
    assert any(finding.place.startswith("Exchange.settle") for finding in report.findings)
