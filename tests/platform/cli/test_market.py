from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree

import pytest
from typer.testing import CliRunner

from devnet import AnvilNode, NodeOptions
from identity.signer import LocalSigner
from tests.platform.serving import served
from wattproof.cli.main import app
from wattproof.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from wattproof.profiles import open_platform
from wattproof.settings import Settings
from wattproof.tasks.flow import run_until_idle

ONE = 1_000_000
CENT = 10_000_000
SVG = "{http://www.w3.org/2000/svg}"
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def desk(new_desk, tmp_path_factory):
    """A market of the module's own: its tests read."""
    with AnvilNode(NodeOptions(chain_id=31_341)) as node:
        settings = Settings(data_dir=tmp_path_factory.mktemp("data"), rpc_url=node.url)
        with open_platform(settings) as opened:
            yield new_desk(opened)


@pytest.fixture(scope="module")
def settled(desk):
    """A settled round: its number, and the hashes of two bids; the first trader's is the low."""
    number = desk.open_round()
    desk.sell(1, number, 0, 3_000, 20 * CENT)
    high = desk.buy(2, number, 0, 3_000, 30 * CENT)
    low = desk.buy(0, number, 0, 1_000, 10 * CENT)
    desk.sell(1, number, 1, 5_000, 10 * CENT)
    desk.buy(2, number, 2, 5_000, 40 * CENT)
    desk.submit(desk.order(3, number, 2_000, -CENT, (1, ONE), (2, -ONE)))
    desk.close_gate(number)
    run_until_idle(desk.platform)
    return number, "0x" + low.order_hash.hex(), "0x" + high.order_hash.hex()


@pytest.fixture(scope="module")
def command(desk, tmp_path_factory):
    """Runs `wattproof market` as the first trader; the answer's JSON, or text without --json."""
    folder = tmp_path_factory.mktemp("keys")
    key, passphrase = folder / "key.json", folder / "passphrase"
    passphrase.write_text("correct horse battery staple")
    passphrase.chmod(0o600)
    LocalSigner(bytes(desk.traders[0].key)).save(key, passphrase.read_text(), work_factor=2)
    mine = ["--key", str(key), "--passphrase-file", str(passphrase)]

    with served(desk.platform) as url:

        def run(*arguments, as_json=True, signed=True):
            given = ["market", "--url", url, *(mine if signed else []), *map(str, arguments)]
            done = CliRunner().invoke(app, [*given, *(["--json"] if as_json else [])])
            if done.exception is not None and not isinstance(done.exception, SystemExit):
                raise done.exception
            assert done.exit_code == 0, done.output
            return json.loads(done.stdout) if as_json else done.output

        yield run


def test_an_order_is_explained_in_sentences_and_in_json(command, settled):
    number, low, _ = settled
    said = command("explain", number, "--order", low, as_json=False)
    assert "It would lose 0.15 a kWh at these prices, so it was not filled." in said
    found = command("explain", number, "--order", low)
    assert found["reason"] == "out_of_the_money"
    assert "\n".join(found["sentences"]) == said.strip()


def test_without_an_order_all_of_ones_own_are_explained(command, settled):
    number, low, _ = settled
    assert [each["order_hash"] for each in command("explain", number)["items"]] == [low]
    assert f"{low}  out of the money" in command("explain", number, as_json=False)


def test_a_price_is_explained_to_everybody(command, settled):
    said = command("explain", settled[0], "--product", "0/0/2", as_json=False, signed=False)
    assert "At its limit: storage of 0 in 0, 2 kWh here." in said


def test_a_book_is_shown_to_everybody_and_ones_own_part_to_oneself(command, settled):
    shown = command("book", settled[0], "--product", "0/0/0", signed=False)
    assert [level["offered_wh"] for level in shown["items"]] == [3_000, 1_000, 3_000]
    assert [level["own_offered_wh"] for level in shown["items"]] == [0, 0, 0]
    own = command("book", settled[0], "--product", "0/0/0")
    assert [level["own_offered_wh"] for level in own["items"]] == [0, 1_000, 0]
    table = command("book", settled[0], "--product", "0/0/0", as_json=False)
    assert "3 kWh at 0.25 a kWh" in table
    assert "offer" in table


def test_curves_are_arrays_of_steps(command, settled):
    shown = command("curve", settled[0], "--product", "0/0/0", signed=False)
    assert shown["demand"] == {
        "price_nano_per_kwh": [30 * CENT, 10 * CENT],
        "until_wh": [3_000, 4_000],
        "implied": [False, False],
    }
    assert shown["supply"]["until_wh"] == [3_000]
    assert shown["product"]["volume_wh"] == 3_000
    assert "supply" in command("curve", settled[0], "--product", "0/0/0", as_json=False)


def points_of(tree, name):
    """The path of the group with this id, as (x, y) on the page (y grows downwards)."""
    (group,) = [each for each in tree.iter(f"{SVG}g") if each.get("id") == name]
    (path,) = [each.get("d") for each in group.iter(f"{SVG}path") if each.get("clip-path")]
    return [tuple(map(float, pair.split())) for pair in path.replace("L", "M").split("M")[1:]]


def test_a_drawing_holds_both_curves_and_the_point_where_they_met(command, settled, tmp_path):
    drawn = tmp_path / "curve.svg"
    assert "wrote" in command(
        "curve", settled[0], "--product", "0/0/0", "-o", drawn, as_json=False, signed=False
    )
    tree = ElementTree.parse(drawn).getroot()
    demand, supply = points_of(tree, "demand"), points_of(tree, "supply")
    # Two steps down, then upright: 3 kWh, 4 kWh.
    (left, top), (first, _), (_, second_price), (end, _), (_, bottom) = demand
    assert first - left == pytest.approx(3 * (end - first), rel=1e-3)
    assert bottom > second_price > top
    (start, ask), (until, _), (_, up) = supply
    assert (start, until) == pytest.approx((left, first))
    assert top < ask < second_price
    assert up < top
    texts = " ".join(text.text or "" for text in tree.iter(f"{SVG}text"))
    assert "clearing point: 3 kWh at 0.25" in texts
    assert "price, tokens a kWh" in texts
    assert any(each.get("id") == "clearing" for each in tree.iter(f"{SVG}g"))


def test_steps_of_several_legs_are_marked_and_a_png_is_drawn(command, settled, tmp_path):
    drawn = tmp_path / "curve.SVG"
    command("curve", settled[0], "--product", "0/0/1", "-o", drawn)
    assert points_of(ElementTree.parse(drawn).getroot(), "demand-implied")
    picture = tmp_path / "curve.png"
    said = command("curve", settled[0], "--product", "0/0/1", "-o", picture)
    assert said["drawing"] == str(picture)
    assert picture.read_bytes().startswith(PNG)


def test_the_same_curves_give_the_same_file(command, settled, tmp_path):
    files = [tmp_path / "one.svg", tmp_path / "two.svg"]
    for path in files:
        command("curve", settled[0], "--product", "0/0/2", "-o", path)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_what_cannot_be_shown_says_the_way_out(command, desk, settled, tmp_path):
    number, _, high = settled
    with pytest.raises(NotFoundError, match="there is no order"):
        command("explain", number, "--order", high)
    with pytest.raises(NotFoundError, match="has no round 99"):
        command("book", 99, "--product", "0/0/0")
    with pytest.raises(NotFoundError, match="there is no market 9"):
        command("book", number, "--market", 9, "--product", "0/0/0")
    with pytest.raises(InvalidError, match="such as 0/0/0"):
        command("curve", number, "--product", "0/0/9")
    with pytest.raises(InvalidError, match=r"ends in \.svg or \.png"):
        command("curve", number, "--product", "0/0/0", "-o", tmp_path / "curve.pdf")
    with pytest.raises(InvalidError, match="cannot write"):
        command("curve", number, "--product", "0/0/0", "-o", tmp_path / "nowhere" / "curve.svg")
    opened = desk.open_round()
    with pytest.raises(ConflictError, match="takes orders until"):
        command("explain", opened)
    with pytest.raises(AssertionError, match="one at a time"):
        command("explain", number, "--order", high, "--product", "0/0/0")


def test_ones_own_orders_need_ones_own_key(command, settled):
    with pytest.raises(AssertionError, match="name your key file"):
        command("explain", settled[0], signed=False)
    with pytest.raises(RefusedError, match="no credential for regulator"):
        command("--as", "regulator", "explain", settled[0])


def test_a_server_that_does_not_answer_is_named():
    nowhere = CliRunner().invoke(
        app, ["market", "--url", "http://127.0.0.1:9", "book", "1", "--product", "0/0/0"]
    )
    assert isinstance(nowhere.exception, UnavailableError)
