from __future__ import annotations

import subprocess
import sys

import pytest

BLOCKED = (
    "numpy",
    "highspy",
    "scipy",
    "pandas",
    "web3",
    "fastapi",
    "sqlmodel",
    "pydantic_settings",
)


@pytest.mark.parametrize(
    "module",
    [
        "certificate",
        "order",
        "units",
        "product",
        "payment",
        "settlement",
        "book",
        "delegation",
        "eligibility",
        "explanation",
    ],
)
def test_what_auditors_run_needs_no_solver_and_no_framework(module):
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({BLOCKED!r}))\n"
        f"import market.{module}\n"
        "assert 'market.clearing' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
