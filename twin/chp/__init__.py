"""The combined heat and power plant: operating region, heat store, heated buildings, wind."""
