"""W3C Verifiable Credentials 2.0: issued, presented, verified.

`jose` secures them as JWTs (VC-JOSE-COSE), `data_integrity` as documents (eddsa-jcs-2022), `sd_jwt`
so that a holder shows a part of them; `status_list` revokes them. `model` says what is well formed.
"""
