"""The electric-vehicle fleet: model, strategies, feeder, siting, and learning from sessions."""
