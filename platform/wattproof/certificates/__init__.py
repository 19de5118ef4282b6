"""Green certificates: devices, batches and where they come from, who holds them, and claims."""
