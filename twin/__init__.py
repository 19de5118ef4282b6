"""Digital twins of flexible assets: construct, sample, decide, close the loop."""
