// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice Answers the question of ERC-1271 in every way but the right one, or always with yes.
contract HostileWallet {
    enum Answer {
        Yes,
        Revert,
        RevertWithYes,
        BurnGas,
        Nothing,
        Short,
        Long,
        Dirty,
        True,
        Endless
    }

    Answer public answer;

    constructor(Answer answer_) {
        answer = answer_;
    }

    function isValidSignature(bytes32, bytes calldata) external view {
        Answer chosen = answer;
        uint256 size = 32;
        uint256 word = uint256(0x1626ba7e) << 224;
        if (chosen == Answer.Revert) revert();
        if (chosen == Answer.BurnGas) {
            while (gasleft() > 0) ++word;
        }
        if (chosen == Answer.Nothing) size = 0;
        if (chosen == Answer.Short) size = 4;
        if (chosen == Answer.Long) size = 64;
        if (chosen == Answer.Endless) size = 100_000;
        if (chosen == Answer.Dirty) word |= 1;
        if (chosen == Answer.True) word = 1;
        assembly {
            mstore(0, word)
            if eq(chosen, 2) { revert(0, 32) }
            return(0, size)
        }
    }
}
