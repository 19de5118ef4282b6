"""Baselines: what was published before, and the readings that others are computed from."""
