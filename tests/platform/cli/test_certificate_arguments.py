from __future__ import annotations

import pytest
from typer.testing import CliRunner

from wattproof.cli.main import app

UNREACHABLE = ("--url", "http://127.0.0.1:1")
MISTYPED = "0x691A8D05678FC962ff0f2174134379c0051Cb687"
ADDRESS = "write 0x and 40 hex digits"


@pytest.mark.parametrize(
    ("group", "arguments", "says"),
    [
        ("certificates", ("show", "../../quotas"), "its id is a whole number"),
        ("certificates", ("show", "0"), "its id is a whole number"),
        ("certificates", ("show", "9" * 90), "its id is a whole number"),
        ("certificates", ("devices", "--account", "foo"), ADDRESS),
        ("certificates", ("claims", "--beneficiary", ""), ADDRESS),
        ("compliance", ("show", "1", "--account", "../2"), ADDRESS),
        ("compliance", ("show", "1", "--account", ""), ADDRESS),
        ("certificates", ("devices", "--account", MISTYPED), "wrong checksum"),
        ("did", ("transfer", MISTYPED, "--yes"), "wrong checksum"),
    ],
)
def test_what_names_nothing_is_refused_before_anybody_is_asked(
    group: str, arguments: tuple[str, ...], says: str
):
    done = CliRunner().invoke(app, [group, *UNREACHABLE, *arguments])
    assert done.exit_code == 2
    assert says in " ".join(done.output.split())


def test_a_key_file_that_is_not_there_is_named_before_its_passphrase_is_asked_for():
    done = CliRunner().invoke(app, ["certificates", "--key", "nowhere.json", "list"])
    assert done.exit_code == 2
    assert "there is no file nowhere.json" in done.output


def test_a_report_is_not_asked_for_as_json_and_as_a_page():
    done = CliRunner().invoke(app, ["surveillance", "report", "--json", "--format", "html"])
    assert done.exit_code == 2
    assert "--json prints JSON" in done.output
