"""Verifiable credentials: issued, published, verified, revoked, presented."""
