// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Parcel} from "./IGreenCertificates.sol";

/// @notice Ranges of a sale pool's positions that belong to one account, first in first out. The first one shares
/// its word with the counters, so that adding a range writes at most two words, whatever waits.
library Parcels {
    struct Range {
        uint96 start;
        uint96 length;
    }

    /// @dev Ranges after the first are `more[next]` to `more[next + waiting - 1]`. 2^32 of them would cost more
    /// gas than a chain has blocks for.
    struct Queue {
        uint96 start;
        uint96 length;
        uint32 next;
        uint32 waiting;
        mapping(uint32 index => Range) more;
    }

    function isEmpty(Queue storage queue) internal view returns (bool) {
        return queue.length == 0;
    }

    /// @notice The first range.
    function first(Queue storage queue) internal view returns (uint256 start, uint256 length) {
        return (queue.start, queue.length);
    }

    /// @notice Adds a range; cannot fail.
    function push(Queue storage queue, uint256 start, uint256 length) internal {
        unchecked {
            if (queue.length == 0) {
                (queue.start, queue.length) = (uint96(start), uint96(length));
                return;
            }
            uint32 waiting = queue.waiting;
            queue.more[queue.next + waiting] = Range(uint96(start), uint96(length));
            queue.waiting = waiting + 1;
        }
    }

    /// @notice Takes `length` positions off the first range, of which there are as many.
    function take(Queue storage queue, uint256 length) internal {
        unchecked {
            if (length < queue.length) {
                queue.start += uint96(length);
                queue.length -= uint96(length);
                return;
            }
            uint32 waiting = queue.waiting;
            if (waiting == 0) {
                (queue.start, queue.length) = (0, 0);
                return;
            }
            uint32 next = queue.next;
            Range memory range = queue.more[next];
            delete queue.more[next];
            (queue.start, queue.length) = (range.start, range.length);
            (queue.next, queue.waiting) = (next + 1, waiting - 1);
        }
    }

    function all(Queue storage queue) internal view returns (Parcel[] memory parcels) {
        if (queue.length == 0) return parcels;
        uint32 waiting = queue.waiting;
        parcels = new Parcel[](uint256(waiting) + 1);
        parcels[0] = Parcel(queue.start, queue.length);
        for (uint32 i; i < waiting; ++i) {
            Range memory range;
            unchecked {
                range = queue.more[queue.next + i];
            }
            parcels[uint256(i) + 1] = Parcel(range.start, range.length);
        }
    }
}
