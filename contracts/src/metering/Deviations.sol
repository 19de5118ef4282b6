// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {IExchange, MarketParams} from "../settlement/IExchange.sol";
import {IDeviations} from "./IDeviations.sol";
import {IMeterRegistry} from "./IMeterRegistry.sol";

/// @title Deviations: each metered Wh is used once; see IDeviations
contract Deviations is IDeviations, AccessManaged {
    uint256 private constant VALUES_PER_WORD = 8;
    uint256 private constant VALUE_BITS = 32;
    uint256 private constant GRACE = 1 days;

    /// @dev Of one market, account, carrier and period. `used` is within `reserved`; `words` holds
    /// eight values each, the first in the lowest bits.
    struct Uses {
        uint256 reserved;
        uint256 used;
        uint256[32] words;
    }

    /// @dev What never changes about a market.
    struct Calendar {
        uint32 slotSeconds;
        uint16 periodSlots;
    }

    IExchange public immutable exchange;
    IMeterRegistry public immutable meters;
    /// @notice Seconds after a period's end in which its deviations can be used: all the time that a
    /// reading may need to become final, and a day more.
    uint256 public immutable CLAIM_WINDOW;

    /// @inheritdoc IDeviations
    uint256 public reservationCount;

    mapping(uint256 reservation => Reservation) private _reservations;
    mapping(
        uint32 market
            => mapping(address account => mapping(uint16 carrier => mapping(uint32 period => Uses)))
    ) private _uses;
    mapping(uint32 market => Calendar) private _calendars;

    /// @param manager the AccessManager that knows the claimants
    /// @param meters_ deployed already: its deadlines are read here
    constructor(address manager, address exchange_, address meters_) AccessManaged(manager) {
        exchange = IExchange(exchange_);
        meters = IMeterRegistry(meters_);
        CLAIM_WINDOW = IMeterRegistry(meters_).POST_WINDOW()
            + IMeterRegistry(meters_).DISPUTE_WINDOW() + IMeterRegistry(meters_).RESOLVE_WINDOW()
            + GRACE;
    }

    /// @inheritdoc IDeviations
    function reserve(
        uint32 market,
        address account,
        uint16 carrier,
        uint32 period,
        uint256 slots
    ) external restricted returns (uint256 reservation) {
        Calendar memory calendar = _calendarOf(market);
        _calendars[market] = calendar;
        if (slots == 0 || slots >> calendar.periodSlots != 0) revert BadSlots(slots);
        if (meters.deviceOf(market, account, carrier) == address(0)) revert NoMeter(account);
        uint256 startsAt = (uint256(period) * calendar.periodSlots + _lowest(slots))
            * calendar.slotSeconds;
        if (block.timestamp >= startsAt) revert SlotBegan(startsAt);
        Uses storage uses = _uses[market][account][carrier][period];
        uint256 taken = uses.reserved & slots;
        if (taken != 0) revert SlotReserved(taken);

        uses.reserved |= slots;
        reservation = ++reservationCount;
        _reservations[reservation] =
            Reservation(msg.sender, market, carrier, period, account, slots);
        emit SlotsReserved(reservation, market, account, carrier, period, slots, msg.sender);
    }

    /// @inheritdoc IDeviations
    function release(uint256 reservation) external restricted {
        Reservation memory held = _end(reservation);
        _uses[held.market][held.account][held.carrier][held.period].reserved &= ~held.slots;
        emit ReservationReleased(reservation);
    }

    /// @inheritdoc IDeviations
    function use(uint256 reservation, int32[] calldata values) external restricted {
        Reservation memory held = _end(reservation);
        uint256 periodSlots = _calendars[held.market].periodSlots;
        if (values.length != periodSlots) revert WrongSlotCount(periodSlots);
        Uses storage uses = _uses[held.market][held.account][held.carrier][held.period];
        uses.used |= held.slots;
        uint256 word;
        for (uint256 slot; slot < periodSlots; ++slot) {
            int32 wh = values[slot];
            if (wh != 0) {
                if (held.slots >> slot & 1 == 0) revert OutsideReservation(slot);
                word |= uint256(uint32(wh)) << (slot % VALUES_PER_WORD * VALUE_BITS);
            }
            if (slot % VALUES_PER_WORD == VALUES_PER_WORD - 1 || slot + 1 == periodSlots) {
                // A slot is used once, so what stands in the word is other slots'.
                if (word != 0) uses.words[slot / VALUES_PER_WORD] |= word;
                word = 0;
            }
        }
        emit DeviationUsed(reservation, values);
    }

    /// @inheritdoc IDeviations
    function claimBy(uint32 market, uint32 period) public view returns (uint256) {
        Calendar memory calendar = _calendarOf(market);
        return (uint256(period) + 1) * calendar.periodSlots * calendar.slotSeconds + CLAIM_WINDOW;
    }

    /// @inheritdoc IDeviations
    function reservedSlots(uint32 market, address account, uint16 carrier, uint32 period)
        external
        view
        returns (uint256)
    {
        return _uses[market][account][carrier][period].reserved;
    }

    /// @inheritdoc IDeviations
    function usesOf(uint32 market, address account, uint16 carrier, uint32 period)
        external
        view
        returns (uint256 live, int32[] memory values)
    {
        Uses storage uses = _uses[market][account][carrier][period];
        uint256 reserved = uses.reserved;
        if (reserved == 0) return (0, values);
        uint256 used = uses.used;
        if (reserved != used && block.timestamp <= claimBy(market, period)) live = reserved & ~used;

        values = new int32[](_calendars[market].periodSlots);
        uint256 word;
        for (uint256 slot; slot < values.length; ++slot) {
            uint256 place = slot % VALUES_PER_WORD;
            if (place == 0) {
                bool touched = used >> slot & 0xff != 0;
                word = touched ? uses.words[slot / VALUES_PER_WORD] : 0;
            }
            values[slot] = int32(uint32(word >> (place * VALUE_BITS)));
        }
    }

    /// @inheritdoc IDeviations
    function reservationOf(uint256 reservation) external view returns (Reservation memory) {
        return _reservations[reservation];
    }

    /// @dev Takes a live reservation of the caller out of storage.
    function _end(uint256 reservation) private returns (Reservation memory held) {
        held = _reservations[reservation];
        if (held.claimant != msg.sender) revert NotReserved(reservation);
        uint256 deadline = claimBy(held.market, held.period);
        if (block.timestamp > deadline) revert ReservationDead(deadline);
        delete _reservations[reservation];
    }

    function _calendarOf(uint32 market) private view returns (Calendar memory calendar) {
        calendar = _calendars[market];
        if (calendar.periodSlots == 0) {
            MarketParams memory params = exchange.market(market);
            calendar = Calendar(params.slotSeconds, params.periodSlots);
        }
    }

    /// @dev The place of the lowest bit; `slots` has one.
    function _lowest(uint256 slots) private pure returns (uint256 slot) {
        while (slots & 1 == 0) {
            slots >>= 1;
            ++slot;
        }
    }
}
