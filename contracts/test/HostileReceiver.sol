// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC1155Receiver} from "@openzeppelin/contracts/token/ERC1155/IERC1155Receiver.sol";

/// @notice Holds ERC-1155 tokens, refuses them on demand, and calls whatever it was told to while it receives.
contract HostileReceiver is IERC1155Receiver {
    bool public refuses;
    address private _target;
    bytes[] private _calls;
    uint256 public made;
    mapping(uint256 index => bool) public succeeded;
    mapping(uint256 index => bytes) public answers;

    error Refused();

    function refuse(bool refuses_) external {
        refuses = refuses_;
    }

    /// @notice Every hook from now on makes these calls.
    function whileReceiving(address target, bytes[] calldata calls) external {
        _target = target;
        delete _calls;
        for (uint256 i; i < calls.length; ++i) {
            _calls.push(calls[i]);
        }
        made = 0;
    }

    /// @notice Calls as this contract.
    function run(address target, bytes calldata call) external {
        (bool ok, bytes memory result) = target.call(call);
        if (!ok) {
            assembly ("memory-safe") {
                revert(add(result, 0x20), mload(result))
            }
        }
    }

    function onERC1155Received(address, address, uint256, uint256, bytes calldata) external returns (bytes4) {
        _react();
        return this.onERC1155Received.selector;
    }

    function onERC1155BatchReceived(address, address, uint256[] calldata, uint256[] calldata, bytes calldata)
        external
        returns (bytes4)
    {
        _react();
        return this.onERC1155BatchReceived.selector;
    }

    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IERC1155Receiver).interfaceId;
    }

    function _react() private {
        if (refuses) revert Refused();
        for (uint256 i; i < _calls.length; ++i) {
            (succeeded[made], answers[made]) = _target.call(_calls[i]);
            ++made;
        }
    }
}
