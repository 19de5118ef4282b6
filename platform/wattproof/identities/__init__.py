"""Decentralised identifiers: resolved from the chain, and from where others publish theirs."""
