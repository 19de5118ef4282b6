"""Digital twins of flexible assets: sampled in batch, decided by optimisation, learning in a loop.

Twins know nothing of orders, chains or databases. Floats live here; integers begin where
something is signed.
"""
