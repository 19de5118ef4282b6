// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {IExchange, MarketParams} from "../settlement/IExchange.sol";
import {IDeviations, Reservation, ReservationStatus} from "./IDeviations.sol";
import {IMeterRegistry} from "./IMeterRegistry.sol";

/// @title Deviations: see IDeviations
contract Deviations is IDeviations, AccessManaged {
    /// @dev Of one account's meter in one period. `open`: reservations neither released nor used.
    struct Day {
        uint256 taken;
        uint32 open;
        bool hasUsed;
    }

    struct Calendar {
        uint32 slotSeconds;
        uint16 periodSlots;
    }

    uint256 private constant CLAIM_WINDOW = 1 days;
    uint256 private constant SLOTS_PER_WORD = 8;

    IExchange public immutable exchange;
    IMeterRegistry public immutable meters;
    uint256 private immutable _finalAfter;

    uint256 public reservationCount;

    mapping(uint256 id => Reservation) private _reservations;
    mapping(bytes32 key => Day) private _days;
    /// @dev Eight `int32` a word, the first slot in the lowest bits.
    mapping(bytes32 key => mapping(uint256 word => uint256)) private _used;
    mapping(uint32 market => Calendar) private _calendars;

    /// @param manager the AccessManager that knows the claimants
    constructor(address manager, address exchange_, address meters_) AccessManaged(manager) {
        exchange = IExchange(exchange_);
        meters = IMeterRegistry(meters_);
        _finalAfter = meters.POST_WINDOW() + meters.DISPUTE_WINDOW() + meters.RESOLVE_WINDOW();
    }

    // ------------------------------------------------------------------ claimants

    /// @inheritdoc IDeviations
    function reserve(
        uint32 market,
        address account,
        uint16 carrier,
        uint32 period,
        uint256 slots
    ) external restricted returns (uint256 id) {
        if (meters.deviceOf(market, account, carrier) == address(0)) revert NoDevice(account);
        Calendar memory calendar = _calendar(market);
        _calendars[market] = calendar;
        // Shifting by 256 leaves nothing, as it should for a period of 256 slots.
        if (slots == 0 || slots >> calendar.periodSlots != 0) revert BadSlots(slots);
        uint256 startsAt = _startOf(calendar, period, slots);
        if (block.timestamp >= startsAt) revert SlotsBegan(startsAt);
        Day storage day = _days[_key(market, account, carrier, period)];
        uint256 takenSlots = day.taken;
        if (takenSlots & slots != 0) revert SlotsTaken(takenSlots & slots);

        day.taken = takenSlots | slots;
        ++day.open;
        id = ++reservationCount;
        _reservations[id] = Reservation({
            status: ReservationStatus.Open,
            claimant: msg.sender,
            account: account,
            market: market,
            carrier: carrier,
            period: period,
            slots: slots
        });
        emit Reserved(id, market, account, carrier, period, slots, msg.sender);
    }

    /// @inheritdoc IDeviations
    function release(uint256 id) external {
        (Reservation storage r, Day storage day,) = _open(id);
        r.status = ReservationStatus.Released;
        --day.open;
        if (block.timestamp < _startOf(_calendars[r.market], r.period, r.slots)) {
            day.taken &= ~r.slots;
        }
        emit Released(id);
    }

    /// @inheritdoc IDeviations
    function use(uint256 id, int32[] calldata values) external {
        (Reservation storage r, Day storage day, bytes32 key) = _open(id);
        Calendar memory calendar = _calendars[r.market];
        uint256 deadline = _claimBy(calendar, r.period);
        if (block.timestamp > deadline) revert UsedTooLate(deadline);
        uint256 length = values.length;
        if (length != calendar.periodSlots) revert BadLength(length);

        r.status = ReservationStatus.Used;
        --day.open;
        uint256 slots = r.slots;
        bool any;
        for (uint256 start; start < length; start += SLOTS_PER_WORD) {
            uint256 word;
            for (uint256 i; i < SLOTS_PER_WORD && start + i < length; ++i) {
                int32 value = values[start + i];
                if (value == 0) continue;
                if (slots >> start + i & 1 == 0) revert NotReserved(start + i);
                word |= uint256(uint32(value)) << 32 * i;
            }
            if (word == 0) continue;
            any = true;
            // Reservations of one period share words, never slots.
            _used[key][start / SLOTS_PER_WORD] |= word;
        }
        if (any) day.hasUsed = true;
        emit Used(id, values);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IDeviations
    function reservationOf(uint256 id) external view returns (Reservation memory) {
        return _reservations[id];
    }

    /// @inheritdoc IDeviations
    function taken(uint32 market, address account, uint16 carrier, uint32 period)
        external
        view
        returns (uint256)
    {
        return _days[_key(market, account, carrier, period)].taken;
    }

    /// @inheritdoc IDeviations
    function usedOf(uint32 market, address account, uint16 carrier, uint32 period)
        external
        view
        returns (bool open, int32[] memory values)
    {
        bytes32 key = _key(market, account, carrier, period);
        Day memory day = _days[key];
        if (day.taken == 0) return (false, values);
        Calendar memory calendar = _calendars[market];
        open = day.open != 0 && block.timestamp <= _claimBy(calendar, period);
        if (!day.hasUsed) return (open, values);
        values = new int32[](calendar.periodSlots);
        uint256 word;
        for (uint256 slot; slot < values.length; ++slot) {
            if (slot % SLOTS_PER_WORD == 0) word = _used[key][slot / SLOTS_PER_WORD];
            values[slot] = int32(uint32(word >> 32 * (slot % SLOTS_PER_WORD)));
        }
    }

    /// @inheritdoc IDeviations
    function claimBy(uint32 market, uint32 period) external view returns (uint256) {
        return _claimBy(_calendar(market), period);
    }

    // ------------------------------------------------------------------ parts

    function _open(uint256 id)
        private
        view
        returns (Reservation storage r, Day storage day, bytes32 key)
    {
        r = _reservations[id];
        if (r.claimant != msg.sender) revert NotClaimant(msg.sender);
        if (r.status != ReservationStatus.Open) revert NotOpen(r.status);
        key = _key(r.market, r.account, r.carrier, r.period);
        day = _days[key];
    }

    function _calendar(uint32 market) private view returns (Calendar memory calendar) {
        calendar = _calendars[market];
        if (calendar.periodSlots == 0) {
            MarketParams memory params = exchange.market(market);
            calendar = Calendar(params.slotSeconds, params.periodSlots);
        }
    }

    function _claimBy(Calendar memory calendar, uint32 period) private view returns (uint256) {
        uint256 endsAt = (uint256(period) + 1) * calendar.periodSlots * calendar.slotSeconds;
        return endsAt + _finalAfter + CLAIM_WINDOW;
    }

    /// @dev When the first of `slots`, which are not none, begins.
    function _startOf(Calendar memory calendar, uint32 period, uint256 slots)
        private
        pure
        returns (uint256)
    {
        uint256 first;
        while (slots >> first & 1 == 0) ++first;
        return (uint256(period) * calendar.periodSlots + first) * calendar.slotSeconds;
    }

    function _key(uint32 market, address account, uint16 carrier, uint32 period)
        private
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(market, account, carrier, period));
    }
}
