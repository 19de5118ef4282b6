from __future__ import annotations

EIP_170 = 24_576


def test_the_contract_fits_the_limit_of_code(world, certificates, chain):
    code = chain.provider.get_code(certificates.address)
    assert 0 < len(code) <= EIP_170
