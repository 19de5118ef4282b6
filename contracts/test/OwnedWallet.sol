// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @notice A contract wallet that one key signs for, once it is ready.
contract OwnedWallet is IERC1271 {
    address public owner;
    bool public ready;

    constructor(address owner_, bool ready_) {
        owner = owner_;
        ready = ready_;
    }

    function prepare() external {
        ready = true;
    }

    /// @notice Calls whatever the owner wants, as this wallet.
    function execute(address to, bytes calldata data) external {
        require(msg.sender == owner, "only the owner");
        (bool done,) = to.call(data);
        require(done, "refused");
    }

    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        (address signer, ECDSA.RecoverError problem,) = ECDSA.tryRecoverCalldata(hash, signature);
        bool valid = ready && problem == ECDSA.RecoverError.NoError && signer == owner;
        return valid ? this.isValidSignature.selector : bytes4(0xffffffff);
    }
}
