from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner, Result

from wattproof.cli.main import app
from wattproof.errors import InvalidError, RefusedError

WINDY = """
name = "windy"
ratio = 0.2
[demand]
highest_price = 100
slope = 0.01
[[producers]]
name = "gas"
kind = "thermal"
fuel = { per_mwh = 20, slope = 0.001 }
[[producers]]
name = "wind"
kind = "renewable"
available_mwh = 1500
withholds = "both"
"""


@pytest.fixture
def windy(tmp_path: Path) -> Path:
    path = tmp_path / "windy.toml"
    path.write_text(WINDY, encoding="utf-8")
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["quota", *map(str, arguments)])


def answered(*arguments: object):
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_the_published_example_is_used_where_no_file_is_named():
    found = answered("equilibrium")
    assert found["system"] == "published region"
    assert found["ratio"] == 0.3
    assert found["residual"] < 1e-8
    assert {each["name"] for each in found["producers"]} >= {"coal", "wind north"}


def test_a_file_with_market_power_gives_the_known_answer(windy: Path):
    found = answered("equilibrium", windy, "--mode", "market-power")
    assert found["certificate_price"] == pytest.approx(200.0)
    assert found["renewable"]["certificates_offered"] == pytest.approx(754.5455, abs=5e-5)
    (tried,) = found["deviations_tried"]
    assert tried["producer"] == "wind"
    assert tried["relative_gain"] <= 1e-6
    assert answered("equilibrium", windy)["certificate_price"] == 0.0
    assert answered("equilibrium", windy, "--ratio", 0.3)["ratio"] == 0.3


def test_tables_say_the_same_as_json(windy: Path):
    shown = run("equilibrium", windy, "--mode", "market-power")
    assert shown.exit_code == 0
    assert "200.0000" in shown.output
    assert "754.5" in shown.output
    swept = run("sweep", windy, "--from", 0.1, "--to", 0.3, "--steps", 3)
    assert swept.exit_code == 0
    assert "0.200" in swept.output


def test_tables_for_people_keep_every_figure_whole_in_eighty_columns(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("COLUMNS", "80")
    for arguments in (("equilibrium",), ("sweep", "--steps", 3)):
        shown = run(*arguments)
        assert shown.exit_code == 0
        assert "…" not in shown.output
        assert max(map(len, shown.output.splitlines())) <= 80
    assert "189,567" in shown.output


def test_a_name_that_looks_like_markup_is_a_name(windy: Path):
    windy.write_text(WINDY.replace('"windy"', '"[/windy]"'), encoding="utf-8")
    shown = run("equilibrium", windy)
    assert shown.exit_code == 0, shown.output
    assert "[/windy]" in shown.output


def test_a_sweep_has_a_row_for_each_quota(windy: Path):
    found = answered("sweep", windy, "--mode", "market-power", "--to", 1.0, "--steps", 6)
    rows = found["rows"]
    assert [row["ratio"] for row in rows] == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert rows[1]["withheld_certificates"] == pytest.approx(1_500.0 - 415.0 / 0.55)
    assert rows[3]["withheld_certificates"] == 0.0
    assert "leaves the wholesale price open" in rows[5]["missing_because"]


def test_a_drawing_has_a_line_for_each_figure_and_mode(tmp_path: Path, windy: Path):
    picture = tmp_path / "sweep.svg"
    said = answered("plot", windy, "-o", picture, "--mode", "market-power", "--steps", 5)
    assert said["modes"] == ["market-power", "competitive"]
    ids = {each.get("id") for each in ElementTree.parse(picture).iter()}
    for mode in said["modes"]:
        for line in ("prices/certificate", "output/thermal", "held back/certificates"):
            assert f"{mode}/{line}" in ids
        assert f"{mode}/market power/HHI generation" in ids
    again = tmp_path / "again.svg"
    answered("plot", windy, "-o", again, "--mode", "market-power", "--steps", 5)
    assert again.read_bytes() == picture.read_bytes()


def test_a_drawing_may_be_a_png(tmp_path: Path):
    picture = tmp_path / "sweep.png"
    assert run("plot", "-o", picture, "--steps", 3).output.strip() == f"wrote {picture}"
    assert picture.read_bytes().startswith(b"\x89PNG")


def refusal(*arguments: object) -> Exception:
    done = run(*arguments)
    assert done.exit_code == 1
    assert isinstance(done.exception, InvalidError | RefusedError), done.exception
    return done.exception


def test_bad_files_and_quotas_are_refused_in_a_sentence(tmp_path: Path, windy: Path):
    bad = tmp_path / "bad.toml"
    bad.write_text(WINDY.replace("slope = 0.01", "slope = -0.01"), encoding="utf-8")
    assert "demand: slope is -0.01" in str(refusal("equilibrium", bad))
    assert "cannot read" in str(refusal("sweep", tmp_path / "nowhere.toml"))
    assert "share from 0 to 1" in str(refusal("equilibrium", windy, "--ratio", 1.5))
    assert "goes upward" in str(refusal("sweep", windy, "--from", 0.5, "--to", 0.4))
    assert "ends in .svg or .png" in str(refusal("plot", windy, "-o", tmp_path / "sweep.pdf"))
    unwritable = tmp_path / "missing" / "sweep.svg"
    assert "cannot write" in str(refusal("plot", windy, "-o", unwritable, "--steps", 3))
    calm = tmp_path / "calm.toml"
    calm.write_text(WINDY.replace('withholds = "both"', ""), encoding="utf-8")
    refused = str(refusal("equilibrium", calm, "--mode", "market-power"))
    assert "nobody holds anything back" in refused


def test_circles_are_refused_with_who_would_deviate(tmp_path: Path):
    path = tmp_path / "circles.toml"
    steam = (
        '[[producers]]\nname = "{name}"\nkind = "thermal"\navailable_mwh = 4000\n'
        'withholds = "electricity"\nfuel = {{ per_mwh = {cost}, slope = 0.01 }}\n'
    )
    text = WINDY.replace("slope = 0.001 }", "slope = 0.001 }\navailable_mwh = 4000")
    text = text.replace("ratio = 0.2", "ratio = 0.8")
    text += steam.format(name="coal", cost=10) + steam.format(name="oil", cost=15)
    text += (
        '[[producers]]\nname = "hills"\nkind = "renewable"\n'
        "maintenance = { per_mwh = 40, slope = 0.02 }\n"
    )
    path.write_text(text, encoding="utf-8")
    refused = refusal("equilibrium", path, "--mode", "market-power")
    assert isinstance(refused, RefusedError)
    assert refused.code == "no_equilibrium"
    assert "would gain" in str(refused)
