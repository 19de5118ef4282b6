"""Follows the chain into the database; the only one that calls a round confirmed."""
