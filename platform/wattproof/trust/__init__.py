"""The trusted profile: what others attest of a participant, what its history on the ledger shows,
and who may read that. docs/trusted-profile.md.
"""
