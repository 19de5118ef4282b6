// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice A source of tokens that says anything, fails on demand, and calls whatever it was told to while it
/// should deliver.
contract HostileTokens {
    uint256 public answer;
    bool public refusesToAnswer;
    bool public refusesToDeliver;
    uint256 public deliveries;

    address private _target;
    bytes private _call;
    bool public callSucceeded;
    bytes public callAnswer;

    error Refused();

    function claim(uint256 answer_) external {
        answer = answer_;
    }

    function refuse(bool answers, bool delivers) external {
        refusesToAnswer = answers;
        refusesToDeliver = delivers;
    }

    /// @notice The next delivery calls this first, once.
    function whileDelivering(address target, bytes calldata call) external {
        _target = target;
        _call = call;
    }

    /// @notice Calls as this contract, so that it can be an operator.
    function run(address target, bytes calldata call) external {
        (bool ok, bytes memory result) = target.call(call);
        if (!ok) {
            assembly ("memory-safe") {
                revert(add(result, 0x20), mload(result))
            }
        }
    }

    function sellable(uint32, uint32, uint32, address) external view returns (uint256) {
        if (refusesToAnswer) revert Refused();
        return answer;
    }

    function deliver(uint32, uint32, uint32, bytes calldata) external {
        if (refusesToDeliver) revert Refused();
        ++deliveries;
        address target = _target;
        if (target == address(0)) return;
        _target = address(0);
        (callSucceeded, callAnswer) = target.call(_call);
    }
}
