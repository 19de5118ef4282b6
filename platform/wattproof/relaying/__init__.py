"""Signed changes that the operator carries out and pays for: of identities, of delegations."""
