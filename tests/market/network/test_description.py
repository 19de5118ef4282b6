from __future__ import annotations

import json

import pytest
from eth_utils.crypto import keccak

from identity.canonical import canonical_json
from market.network import (
    Link,
    Network,
    NetworkError,
    describe,
    from_description,
    network_hash,
)
from tests.market.network.test_elements import NETWORK


def changed(change) -> bytes:
    value = json.loads(describe(NETWORK))
    change(value)
    return canonical_json(value)


def test_a_network_comes_back_from_its_description():
    assert from_description(describe(NETWORK)) == NETWORK
    alone = Network(1, 1, 2, (Link("Süd–Nord", 0, 1, 0, 7),))
    assert from_description(describe(alone)) == alone


def test_the_hash_is_keccak_of_the_bytes():
    assert network_hash(describe(NETWORK)) == keccak(describe(NETWORK))


def test_every_number_of_a_network_changes_its_hash():
    hashes = set()
    for place in range(describe(NETWORK).count(b":")):
        pairs = describe(NETWORK).split(b":")
        value = pairs[place + 1]
        if value[:1].isdigit():
            altered = b":".join([*pairs[: place + 1], b"9" + value, *pairs[place + 2 :]])
            hashes.add(network_hash(altered))
    assert len(hashes) > 20
    assert network_hash(describe(NETWORK)) not in hashes


@pytest.mark.parametrize(
    ("description", "message"),
    [
        (b"\xff", "not JSON in UTF-8"),
        (b"{", "not JSON in UTF-8"),
        (b"[]", "the description must have the fields version"),
        (describe(NETWORK) + b"\n", "not in canonical form"),
        (describe(NETWORK).replace(b'"zone":0', b'"zone": 0', 1), "not in canonical form"),
        (changed(lambda v: v.update(extra=1)), "must have the fields"),
        (changed(lambda v: v.update(version=2)), "version 2; 1 is known"),
        (changed(lambda v: v.pop("links")), "must have the fields"),
        (changed(lambda v: v.update(links={})), "links must be a list"),
        (changed(lambda v: v.update(zones="3")), "zones must be an integer, not '3'"),
        (changed(lambda v: v["links"][0].pop("lossMillionths")), "a link must have the fields"),
        (changed(lambda v: v["links"][0].update(capacityW="5")), "link pipe: capacity_w '5'"),
        (changed(lambda v: v["links"][0].update(name=5)), "link 5: a name has"),
        (changed(lambda v: v["grids"][0]["nodes"][0].update(zone=None)), "node: zone None"),
        (changed(lambda v: v["grids"][0]["lines"][0].update(reactance=0)), "line a: reactance 0"),
        (changed(lambda v: v["grids"][0]["sensitivities"][0].pop()), "line a: 3 nodes need"),
        (changed(lambda v: v["grids"][0]["sensitivities"].append(7)), "must be a list"),
    ],
)
def test_bytes_that_are_no_canonical_description_are_refused(description, message):
    with pytest.raises(NetworkError, match=message):
        from_description(description)
