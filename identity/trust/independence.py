"""How many issuers are behind attestations, if those who share a party are one.

The greatest number of attestations of which no two share a party. It is never less than what any
part of them would give: one more attestation, of whomever, never lowers a count (up to the
`MOST_ISSUERS` that are looked at; of more, those with the fewest parties).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from identity.trust.topics import MOST_ISSUERS


def independent(parties: Iterable[Collection[str]]) -> int:
    """The number of independent issuers, at most `MOST_ISSUERS`.

    Args:
        parties: of each attestation, who stands behind its issuer (`Parties`).
    """
    return _most(_smallest(parties)[:MOST_ISSUERS], MOST_ISSUERS)


def _smallest(parties: Iterable[Collection[str]]) -> list[frozenset[str]]:
    """Each set once, without those that contain another: the smaller one always does as well."""
    sets = sorted({frozenset(each) for each in parties}, key=lambda each: (len(each), sorted(each)))
    kept: list[frozenset[str]] = []
    for each in sets:
        if each and not any(other <= each for other in kept):
            kept.append(each)
    return kept


def _most(sets: list[frozenset[str]], enough: int) -> int:
    if not sets or enough <= 0:
        return 0
    first, rest = sets[0], sets[1:]
    apart = [each for each in rest if not each & first]
    if len(apart) == len(rest):
        return min(enough, 1 + _most(rest, enough - 1))
    taken = 1 + _most(apart, enough - 1)
    if taken >= enough:
        return enough
    # Without the first, one of those that share a party with it must be taken, or nothing is won.
    bound = min(enough, len(rest))
    return taken if taken >= bound else max(taken, _most(rest, enough))
