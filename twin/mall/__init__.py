"""A mall cooled by chillers: zones, comfort, strategies, and the loop closed by meters."""
