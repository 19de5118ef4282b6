"""Audit: replay the ledger from the chain, export a round as a bundle, verify a bundle."""

from __future__ import annotations

from wattproof.audit.bundle import export_round, verify_bundle
from wattproof.audit.findings import Finding, Report
from wattproof.audit.replay import replay

__all__ = ["Finding", "Report", "export_round", "replay", "verify_bundle"]
