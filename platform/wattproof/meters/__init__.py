"""Devices, signed readings and the closing of imbalances."""
