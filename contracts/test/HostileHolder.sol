// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC1155Holder} from "@openzeppelin/contracts/token/ERC1155/utils/ERC1155Holder.sol";

/// @notice An account with code: it acts as it is told, and calls whatever it was told to when certificates arrive.
contract HostileHolder is ERC1155Holder {
    address private _target;
    bytes private _call;
    bool public called;
    bool public succeeded;

    /// @notice From now on whatever arrives makes this call first.
    function onArrival(address target, bytes calldata call) external {
        _target = target;
        _call = call;
    }

    /// @notice Calls as this account.
    function act(address target, bytes calldata call) external {
        (bool ok, bytes memory result) = target.call(call);
        if (ok) return;
        assembly ("memory-safe") {
            revert(add(result, 0x20), mload(result))
        }
    }

    function onERC1155Received(address operator, address from, uint256 id, uint256 value, bytes memory data)
        public
        override
        returns (bytes4)
    {
        _attack();
        return super.onERC1155Received(operator, from, id, value, data);
    }

    function onERC1155BatchReceived(
        address operator,
        address from,
        uint256[] memory ids,
        uint256[] memory values,
        bytes memory data
    ) public override returns (bytes4) {
        _attack();
        return super.onERC1155BatchReceived(operator, from, ids, values, data);
    }

    function _attack() private {
        if (_target == address(0)) return;
        called = true;
        (succeeded,) = _target.call(_call);
    }
}
