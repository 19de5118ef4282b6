"""Solidity sources and the artifacts they compile to."""
