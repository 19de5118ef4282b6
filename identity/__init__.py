"""Decentralised identifiers, credentials and signing."""
