"""The threat model's table of identity, and how many cases of each part are refusals."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
# Part by part, the files that hold it; those of the platform hold it over HTTP.
PARTS = {
    "signatures": ["identity/test_signature.py"],
    "JWS": ["identity/verifiable/test_jws.py"],
    "everything signed": ["identity/verifiable/test_tampering.py"],
    "Data Integrity": ["identity/verifiable/test_data_integrity.py"],
    "SD-JWT": ["identity/verifiable/test_sd_jwt.py"],
    "status lists": [
        "identity/verifiable/test_status_list.py",
        "platform/credentials/test_status_lists.py",
    ],
    "presentations": [
        "identity/verifiable/test_presentation.py",
        "platform/credentials/test_presentations.py",
    ],
    "verifier": [
        "identity/verifiable/test_verifier.py",
        "platform/credentials/test_verification.py",
    ],
    "did:ethr": ["identity/did/test_ethr.py"],
    "did:key": ["identity/did/test_key.py"],
    "did:web": ["identity/did/test_web.py"],
    "resolving": ["identity/did/test_resolver.py", "identity/did/test_url.py"],
    "sign-in": ["identity/test_siwe.py"],
    "contract wallets": ["platform/api/test_contract_wallets.py"],
    "sessions and refresh tokens": ["platform/api/test_refresh.py"],
    "key files": ["identity/test_signer.py", "platform/profiles/test_profiles.py"],
    "key services": ["identity/test_kms.py"],
    "delegates' messages": ["contracts/identities/delegations/test_signed_changes.py"],
    "delegates' orders": ["platform/delegations/test_acceptance.py"],
    "consents": ["identity/trust/test_consent.py", "platform/trust/test_disclosure.py"],
    "published vectors": ["identity/test_published_vectors.py"],
}
REFUSALS = re.compile(
    r"raises\(|refus|fails\(|\b4\d\d\b|\.error\b|is None|_nobody_|_nothing_|_no_other_"
)


@cache
def functions(path: Path) -> dict[str, tuple[int, str]]:
    """The tests of a file: how many cases each has, and its text."""
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    literals = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            cases = 1
            for decorator in node.decorator_list:
                if ast.unparse(decorator).startswith("pytest.mark.parametrize"):
                    assert isinstance(decorator, ast.Call)
                    cases *= _size(decorator.args[1], literals)
            found[node.name] = (cases, ast.get_source_segment(source, node) or "")
    return found


def _size(values: ast.expr, literals: dict[str, ast.expr]) -> int:
    """How many values a parameter has; 1 where that is not written down in the file."""
    if isinstance(values, ast.Name):
        values = literals.get(values.id, values)
    if isinstance(values, ast.List | ast.Tuple):
        return len(values.elts)
    return len(values.keys) if isinstance(values, ast.Dict) else 1


@cache
def all_tests() -> frozenset[str]:
    files = [*TESTS.rglob("test_*.py"), TESTS / "identity" / "signers.py"]
    return frozenset(name for path in files for name in functions(path))


def counted(part: str) -> tuple[int, int]:
    """How many cases of a part show that something holds, and that something is refused."""
    positive = negative = 0
    for name in PARTS[part]:
        for cases, text in functions(TESTS / name).values():
            if REFUSALS.search(text):
                negative += cases
            else:
                positive += cases
    return positive, negative


@pytest.mark.parametrize("part", PARTS)
def test_every_part_is_held_by_at_least_as_many_refusals_as_successes(part):
    positive, negative = counted(part)
    assert negative >= max(positive, 1), f"{part}: {positive} hold, {negative} are refused"


def test_the_threat_model_names_tests_that_exist_and_every_attack_has_one():
    text = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
    section = text.partition("## Identity: keys")[2].partition("\n## ")[0]
    rows = [row for row in section.split("\n") if row.startswith("| ")][1:]
    assert len(rows) > 20
    for row in rows:
        named = re.findall(r"`(test_\w+)`", row)
        assert named, row
        assert set(named) <= all_tests(), set(named) - all_tests()
