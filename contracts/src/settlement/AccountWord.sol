// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice One storage word per account and market (docs/protocol.md section 3), low bits first:
/// margin 64, locked 64, epoch 24, prevEpoch 24, epochRound 24, exitRound 24, capacity 32.
/// @dev No field overflows: money is bounded by the deposit cap 2^63 - 1, rounds and epochs by the contracts.
library AccountWord {
    uint256 private constant LOCKED = 64;
    uint256 private constant EPOCH = 128;
    uint256 private constant PREV_EPOCH = 152;
    uint256 private constant EPOCH_ROUND = 176;
    uint256 private constant EXIT_ROUND = 200;
    uint256 private constant CAPACITY = 224;
    uint256 private constant MASK24 = type(uint24).max;

    function margin(uint256 w) internal pure returns (uint256) {
        return uint64(w);
    }

    function locked(uint256 w) internal pure returns (uint256) {
        return uint64(w >> LOCKED);
    }

    function epoch(uint256 w) internal pure returns (uint256) {
        return uint24(w >> EPOCH);
    }

    function prevEpoch(uint256 w) internal pure returns (uint256) {
        return uint24(w >> PREV_EPOCH);
    }

    function epochRound(uint256 w) internal pure returns (uint256) {
        return uint24(w >> EPOCH_ROUND);
    }

    function exitRound(uint256 w) internal pure returns (uint256) {
        return uint24(w >> EXIT_ROUND);
    }

    function capacity(uint256 w) internal pure returns (uint256) {
        return w >> CAPACITY;
    }

    /// @notice The epoch that orders of `round` must carry.
    function epochFor(uint256 w, uint256 round) internal pure returns (uint256) {
        return round >= epochRound(w) ? epoch(w) : prevEpoch(w);
    }

    /// @notice Margin that backs orders of `round`, with `exitAmount` pending.
    function available(uint256 w, uint256 round, uint256 exitAmount) internal pure returns (uint256) {
        uint256 leaving = exitRound(w);
        if (leaving == 0 || round < leaving) return margin(w);
        unchecked {
            return margin(w) > exitAmount ? margin(w) - exitAmount : 0;
        }
    }

    function bumpEpoch(uint256 w, uint256 effectiveRound) internal pure returns (uint256) {
        if (effectiveRound > epochRound(w)) {
            w = (w & ~((MASK24 << PREV_EPOCH) | (MASK24 << EPOCH_ROUND))) | (epoch(w) << PREV_EPOCH)
                | (effectiveRound << EPOCH_ROUND);
        }
        return w + (1 << EPOCH);
    }

    function withExitRound(uint256 w, uint256 round) internal pure returns (uint256) {
        return (w & ~(MASK24 << EXIT_ROUND)) | (round << EXIT_ROUND);
    }

    function withCapacity(uint256 w, uint256 units) internal pure returns (uint256) {
        return (w & ~(uint256(type(uint32).max) << CAPACITY)) | (units << CAPACITY);
    }

    /// @dev The caller has checked debit <= margin.
    function debitAndLock(uint256 w, uint256 debit, uint256 lock) internal pure returns (uint256) {
        return w - debit + (lock << LOCKED);
    }

    /// @dev The caller has checked lock <= locked.
    function unlock(uint256 w, uint256 lock) internal pure returns (uint256) {
        return w - (lock << LOCKED);
    }
}
