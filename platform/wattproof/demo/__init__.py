"""Demo days: a market from digital twin to audited settlement, each on a chain of its own.

One folder a market (`ev`, `mall`, `chp`, `park`, `quota`); what every day needs lies beside them:
the `stage` (platform and clock), the `cast` (identities, meters, money), `trading`, `metering`,
`dispatching`, `checks`, the `report` and its `presentation`.
"""
