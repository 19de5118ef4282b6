"""The embedded chain: starting a node, deploying, development accounts."""
