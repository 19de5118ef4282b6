"""Where the node comes from, on an installed wheel as in a checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from devnet import NodeBinaryError
from devnet.install import cache_folder, find_anvil, install

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


def test_a_wheel_holds_the_packages_the_artifacts_and_the_node_pin(wheel: Path):
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        "wattproof/__init__.py",
        "market/__init__.py",
        "twin/__init__.py",
        "identity/__init__.py",
        "contracts/artifacts/SettlementToken.json",
        "contracts/src/settlement/SettlementToken.sol",
        "devnet/node_package/package.json",
        "devnet/node_package/package-lock.json",
    ):
        assert wanted in names
    assert [name for name in names if name.startswith(("platform/", "tests/", "docs/"))] == []
    assert [name for name in names if name.startswith("contracts/artifacts/test/")] == []


@pytest.mark.timeout(600)
def test_an_installed_wheel_fetches_the_node_and_runs_it(wheel: Path, tmp_path: Path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    script = (
        "import json, devnet.install as i; from devnet import AnvilNode\n"
        "before = i.find_anvil()\n"
        "with AnvilNode() as node: chain = node.rpc('eth_chainId')\n"
        "print(json.dumps([i.__file__, str(before), str(i.find_anvil()), chain]))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={
            **{k: v for k, v in os.environ.items() if k != "WATTPROOF_ANVIL"},
            "PYTHONPATH": str(tmp_path / "site"),
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
            "PATH": str(tmp_path / "empty"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    module, before, after, chain = json.loads(run.stdout)
    assert module.startswith(str(tmp_path / "site"))
    assert before == "None"
    assert after.startswith(str(tmp_path / "cache"))
    assert chain == "0x7a69"
    assert [path.name for path in (tmp_path / "cache" / "wattproof").iterdir()] == [
        cache_folder().name
    ]


def test_a_failed_installation_says_what_npm_said_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    package = tmp_path / "package"
    package.mkdir()
    (package / "package.json").write_text('{"name": "x", "dependencies": {"a": "1.0.0"}}')
    (package / "package-lock.json").write_text('{"lockfileVersion": 3, "packages": {}}')
    monkeypatch.setattr("devnet.install.SHIPPED_PACKAGE", package)
    with pytest.raises(NodeBinaryError, match=r"npm could not install the chain node:\n.*npm"):
        install(tmp_path / "cache" / "node")
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_setting_wins_over_what_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    own = tmp_path / "anvil"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    monkeypatch.setenv("WATTPROOF_ANVIL", str(own))
    assert find_anvil() == own
    assert find_anvil("/bin/true") == Path("/bin/true")
