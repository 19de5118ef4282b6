"""What can go wrong with the embedded node.

NodeError
├── NodeBinaryError   no node executable, or it could not be installed
├── PortInUseError    another program listens on the port that was asked for
├── StateInUseError   another node runs on the same state file
└── NodeStartError    the node ended or stayed silent instead of answering
"""

from __future__ import annotations


class NodeError(Exception):
    """Base of everything the embedded node raises."""


class NodeBinaryError(NodeError):
    """There is no node executable, and none could be installed."""


class PortInUseError(NodeError):
    """The port that was asked for is taken."""


class StateInUseError(NodeError):
    """Two nodes on one state file would overwrite each other's chain."""


class NodeStartError(NodeError):
    """The node did not come up; the message ends with the last lines of its log."""
