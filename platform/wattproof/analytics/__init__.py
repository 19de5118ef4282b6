"""Readings for analysts: sums under differential privacy, from an accounted budget (ADR 0018)."""
