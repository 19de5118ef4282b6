"""What ships is what the sources compile to."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import contracts
from contracts import build


@pytest.fixture(scope="module")
def compiled() -> dict[str, contracts.Artifact]:
    """Every contract, compiled here; in continuous integration without any cache."""
    cache = None if os.environ.get("CI") else build.CACHE
    return build.compile_all(build.units(), cache)


@pytest.mark.timeout(600)
def test_the_shipped_artifacts_are_what_the_sources_compile_to(compiled):
    assert build.stale(compiled) == {}


def test_no_artifact_ships_without_a_source():
    assert build.orphans(build.units()) == []


def test_no_contract_is_over_the_size_limit(compiled):
    sizes = {name: artifact.deployed_size for name, artifact in compiled.items()}
    assert {name: size for name, size in sizes.items() if not 0 < size <= 24_576} == {}


def test_no_contract_takes_more_than_a_transaction_may_create_from(compiled):
    """EIP-3860: creation code with its arguments. The exchange creates two contracts more."""
    sizes = {
        name: len(artifact.bytecode) // 2
        - 1
        + 32 * sum(len(entry["inputs"]) for entry in artifact.abi if entry["type"] == "constructor")
        for name, artifact in compiled.items()
    }
    assert {name: size for name, size in sizes.items() if size > 49_152} == {}


def test_a_contract_can_be_loaded_without_a_compiler():
    name = next(name for name in contracts.available() if not name.startswith("test/"))
    artifact = contracts.load(name)
    assert artifact.name == name
    assert bytes.fromhex(artifact.bytecode.removeprefix("0x"))
    assert json.loads(artifact.metadata)["compiler"]["version"].startswith(
        build.Settings.read().version
    )


def test_a_contract_that_does_not_exist_is_refused_with_what_there_is():
    with pytest.raises(contracts.ArtifactNotFoundError, match=r"there are: .*Token"):
        contracts.load("Nothing")


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"// SPDX-License-Identifier: Apache-2.0\npragma solidity ^0.8.28;\n{text}\n")


def test_a_source_hash_follows_the_imports_and_nothing_else(tmp_path: Path):
    write(tmp_path, "contracts/src/a/A.sol", 'import {I} from "../I.sol"; contract A is I {}')
    write(tmp_path, "contracts/src/I.sol", "interface I {}")
    write(tmp_path, "contracts/src/B.sol", "contract B {}")

    def hashes() -> dict[str, str]:
        return {unit.artifact_name: unit.source_hash for unit in build.units(root=tmp_path)}

    before = hashes()
    assert sorted(before) == ["A", "B"]
    write(tmp_path, "contracts/src/I.sol", "interface I { function f() external; }")
    after = hashes()
    assert after["A"] != before["A"]
    assert after["B"] == before["B"]


def test_imports_in_comments_are_not_followed(tmp_path: Path):
    write(tmp_path, "contracts/src/A.sol", '// import "./Gone.sol";\n/* import "./Gone.sol"; */')
    write(
        tmp_path, "contracts/src/B.sol", 'import "./A.sol";\nabstract contract B {}\ncontract C {}'
    )
    (unit,) = build.units(root=tmp_path)
    assert unit.name == "C"
    assert sorted(unit.compiler_input["sources"]) == ["contracts/src/A.sol", "contracts/src/B.sol"]


def test_a_missing_import_is_named(tmp_path: Path):
    write(tmp_path, "contracts/src/A.sol", 'import "./Gone.sol";\ncontract A {}')
    with pytest.raises(build.BuildError, match=r"A\.sol imports contracts/src/Gone\.sol"):
        build.units(root=tmp_path)


def test_two_contracts_of_one_name_are_refused(tmp_path: Path):
    write(tmp_path, "contracts/src/a/A.sol", "contract A {}")
    write(tmp_path, "contracts/src/b/A.sol", "contract A {}")
    with pytest.raises(build.BuildError, match="two contracts are named A"):
        build.units(root=tmp_path)


def test_contracts_for_tests_are_named_apart(tmp_path: Path):
    write(tmp_path, "contracts/test/Hostile.sol", "contract Hostile {}")
    (unit,) = build.units(root=tmp_path)
    assert unit.artifact_name == "test/Hostile"


def test_a_contract_over_the_size_limit_is_refused(tmp_path: Path):
    body = "".join(
        f'function f{i}() external pure returns (string memory) {{ return "{i:0>400}"; }}'
        for i in range(80)
    )
    write(tmp_path, "contracts/src/Big.sol", f"contract Big {{ {body} }}")
    with pytest.raises(build.BuildError, match="over the limit of 24,576"):
        build.compile_all(build.units(root=tmp_path), cache=None)


def test_an_error_in_the_source_is_shown_as_the_compiler_says_it(tmp_path: Path):
    write(tmp_path, "contracts/src/A.sol", "contract A { uint x = nothing; }")
    with pytest.raises(build.BuildError, match="Undeclared identifier"):
        build.compile_all(build.units(root=tmp_path), cache=None)


def test_a_named_compiler_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WATTPROOF_SOLC", "/bin/true")
    with pytest.raises(build.BuildError, match="is not solc"):
        build.find_compiler(build.Settings.read().version)
