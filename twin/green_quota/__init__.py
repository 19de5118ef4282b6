"""Electricity and green certificates coupled by a quota: equilibrium, market power, sweep.

Source: ITU-T FGMV-09 and FGMV-27 (power metaverse), green-certificate quotas: wind and thermal
producers, a government that sets the quota, a supervisor that watches prices and output.
"""
