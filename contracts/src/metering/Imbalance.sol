// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExchange, MarketParams, RoundView, Status} from "../settlement/IExchange.sol";
import {ILedger} from "../settlement/ILedger.sol";
import {MerkleLib} from "../settlement/MerkleLib.sol";
import {SettlementMath} from "../settlement/SettlementMath.sol";
import {IDeviations} from "./IDeviations.sol";
import {IImbalance, PositionLeaf, RoundProof} from "./IImbalance.sol";
import {ImbalancePrice} from "./ImbalancePrice.sol";
import {IMeterRegistry} from "./IMeterRegistry.sol";
import {ReadingValues} from "./ReadingValues.sol";

/// @title Imbalance: positions against meters; see IImbalance
contract Imbalance is IImbalance {
    uint256 private constant ENTRY_BYTES = 24;
    uint256 private constant PRICE_BYTES = 8;

    /// @dev A settled round as closing needs it.
    struct SettledRound {
        uint32 number;
        uint32 firstSlot;
        uint16 slots;
        bytes32 pricesHash;
    }

    /// @dev What one call gathers. `positions` are net Wh, by carrier and then slot of the period;
    /// `roundOfSlot` is one more than the place in `rounds` of the last settled round that holds it.
    struct Closing {
        uint32 market;
        uint32 period;
        address account;
        MarketParams params;
        bool postWindowOver;
        uint256 postWindowEnd;
        uint256 covered;
        SettledRound[] rounds;
        uint256[] roundOfSlot;
        int256[] positions;
        uint256 lock;
    }

    IExchange public immutable exchange;
    ILedger public immutable ledger;
    IMeterRegistry public immutable meters;
    IDeviations public immutable deviations;

    mapping(uint32 market => mapping(address account => mapping(uint256 word => uint256)))
        private _closed;

    constructor(address exchange_, address ledger_, address meters_, address deviations_) {
        exchange = IExchange(exchange_);
        ledger = ILedger(ledger_);
        meters = IMeterRegistry(meters_);
        deviations = IDeviations(deviations_);
    }

    function closed(uint32 market, address account, uint32 period) public view returns (bool) {
        return _closed[market][account][period >> 8] >> (period & 0xff) & 1 == 1;
    }

    function close(
        uint32 market,
        uint32 period,
        address account,
        RoundProof[] calldata roundProofs,
        bytes[] calldata readings,
        bytes[] calldata prices
    ) external {
        if (closed(market, account, period)) revert ClosedBefore(market, account, period);
        _closed[market][account][period >> 8] |= 1 << (period & 0xff);

        Closing memory closing = _begin(market, period, account);
        _gatherPositions(closing, roundProofs);
        _checkPrices(closing, prices);
        int256 charge = _bounded(closing, _charge(closing, readings, prices));
        ledger.closePosition(market, account, closing.lock, charge, closing.params.balancing);
        emit PeriodClosed(market, period, account, closing.lock, charge);
    }

    function _begin(uint32 market, uint32 period, address account)
        private
        view
        returns (Closing memory closing)
    {
        MarketParams memory params = exchange.market(market);
        uint256 endsAt = (uint256(period) + 1) * params.periodSlots * params.slotSeconds;
        if (block.timestamp < endsAt) revert PeriodNotOver(endsAt);

        closing.market = market;
        closing.period = period;
        closing.account = account;
        closing.params = params;
        closing.postWindowEnd = endsAt + meters.POST_WINDOW();
        closing.postWindowOver = block.timestamp > closing.postWindowEnd;
        closing.covered = meters.covered(market, period);
        closing.roundOfSlot = new uint256[](params.periodSlots);
        closing.positions = new int256[](uint256(params.carriers) * params.periodSlots);
    }

    /// @dev After its end no round can join a period, so what is terminal now is all there will be.
    function _gatherPositions(Closing memory closing, RoundProof[] calldata roundProofs) private view {
        uint32[] memory numbers = exchange.periodRounds(closing.market, closing.period);
        SettledRound[] memory rounds = new SettledRound[](numbers.length);
        uint256 settled;
        bool found;
        for (uint256 i; i < numbers.length; ++i) {
            uint32 number = numbers[i];
            if (!exchange.isTerminal(closing.market, number)) revert RoundNotTerminal(number);
            RoundView memory round = exchange.roundOf(closing.market, number);
            if (round.status != Status.Settled) continue;
            if (settled == roundProofs.length) revert WrongCount(settled + 1);
            if (_takeRound(closing, number, round, roundProofs[settled])) found = true;
            rounds[settled] =
                SettledRound(number, round.firstSlot, round.slots, round.pricesHash);
            ++settled;
            uint256 first = round.firstSlot - _firstSlot(closing);
            for (uint256 slot = first; slot < first + round.slots; ++slot) {
                closing.roundOfSlot[slot] = settled;
            }
        }
        if (settled != roundProofs.length) revert WrongCount(settled);
        if (!found) revert NothingToClose();
        assembly ("memory-safe") {
            mstore(rounds, settled)
        }
        closing.rounds = rounds;
    }

    /// @dev Adds what the round holds for the account; false if that is proven to be nothing.
    function _takeRound(
        Closing memory closing,
        uint32 number,
        RoundView memory round,
        RoundProof calldata roundProof
    ) private pure returns (bool) {
        PositionLeaf[] calldata leaves = roundProof.leaves;
        for (uint256 i; i < leaves.length; ++i) {
            PositionLeaf calldata leaf = leaves[i];
            bytes32 hash = keccak256(abi.encodePacked(leaf.trader, leaf.lock, leaf.chain));
            if (
                !MerkleLib.verify(
                    round.positionsRoot, round.positionsCount, leaf.index, hash, leaf.proof
                )
            ) revert WrongProof(number);
        }
        if (leaves.length == 1 && leaves[0].trader == closing.account) {
            if (_addEntries(closing, roundProof.entries) != leaves[0].chain) {
                revert WrongEntries(number);
            }
            closing.lock += leaves[0].lock;
            return true;
        }
        if (!_provesAbsence(leaves, closing.account, round.positionsCount)) revert WrongProof(number);
        if (roundProof.entries.length != 0) revert WrongEntries(number);
        return false;
    }

    /// @dev Leaves are sorted by trader, each once, so neighbours leave no room between them.
    function _provesAbsence(PositionLeaf[] calldata leaves, address account, uint256 count)
        private
        pure
        returns (bool)
    {
        if (count == 0) return leaves.length == 0;
        if (leaves.length == 1) {
            PositionLeaf calldata leaf = leaves[0];
            return (leaf.index == 0 && account < leaf.trader)
                || (leaf.index == count - 1 && account > leaf.trader);
        }
        return leaves.length == 2 && leaves[1].index == leaves[0].index + 1
            && leaves[0].trader < account && account < leaves[1].trader;
    }

    /// @dev Adds the entries to the positions and returns the chain that commits to them.
    function _addEntries(Closing memory closing, bytes calldata entries)
        private
        pure
        returns (bytes32 chain)
    {
        int256[] memory positions = closing.positions;
        uint256 periodSlots = closing.params.periodSlots;
        uint256 firstSlot = _firstSlot(closing);
        uint256 end = entries.length;
        for (uint256 offset; offset < end; offset += ENTRY_BYTES) {
            // A last part that is too short reverts here.
            bytes calldata entry = entries[offset:offset + ENTRY_BYTES];
            uint256 word;
            assembly ("memory-safe") {
                mstore(0x00, chain)
                calldatacopy(0x20, entry.offset, ENTRY_BYTES)
                chain := keccak256(0x00, add(0x20, ENTRY_BYTES))
                word := calldataload(entry.offset)
            }
            // product (8) || quantity (16)
            uint256 carrier = word >> 240;
            uint256 slot = uint32(word >> 192) - firstSlot;
            positions[carrier * periodSlots + slot] += int128(uint128(word >> 64));
        }
    }

    function _checkPrices(Closing memory closing, bytes[] calldata prices) private pure {
        SettledRound[] memory rounds = closing.rounds;
        if (prices.length != rounds.length) revert WrongCount(rounds.length);
        for (uint256 i; i < rounds.length; ++i) {
            if (prices[i].length != 0 && keccak256(prices[i]) != rounds[i].pricesHash) {
                revert WrongPrices(rounds[i].number);
            }
        }
    }

    /// @dev What the deviations cost, in micro-units, before the bounds; rounded up.
    function _charge(Closing memory closing, bytes[] calldata readings, bytes[] calldata prices)
        private
        view
        returns (int256)
    {
        uint256 carriers = closing.params.carriers;
        if (readings.length != carriers) revert WrongCount(carriers);
        int256 cost;
        for (uint256 carrier; carrier < carriers; ++carrier) {
            address device = meters.deviceOf(closing.market, closing.account, uint16(carrier));
            bool measured = _checkReading(closing, uint16(carrier), device, readings[carrier]);
            int32[] memory used = _usedElsewhere(closing, uint16(carrier), device);
            cost += _carrierCost(closing, carrier, measured, readings[carrier], used, prices);
        }
        return SettlementMath.ceilDiv(cost, SettlementMath.SCALE);
    }

    /// @dev Whether the account has a final reading of the carrier, which `values` then are.
    function _checkReading(
        Closing memory closing,
        uint16 carrier,
        address device,
        bytes calldata values
    ) private view returns (bool measured) {
        bytes32 valuesHash;
        if (device == address(0)) {
            if (!closing.postWindowOver && _hasPosition(closing, carrier)) {
                revert ReadingNotFinal(carrier);
            }
        } else {
            bool isFinal;
            (isFinal, valuesHash) = meters.finalReading(device, closing.period);
            if (!isFinal) revert ReadingNotFinal(carrier);
        }
        measured = valuesHash != 0;
        if (measured ? keccak256(values) != valuesHash : values.length != 0) {
            revert WrongReading(carrier);
        }
    }

    /// @dev What was paid for as a credit or as demand response, Wh a slot; empty where nothing was.
    /// Only an account with a device can have reserved anything.
    function _usedElsewhere(Closing memory closing, uint16 carrier, address device)
        private
        view
        returns (int32[] memory used)
    {
        if (device == address(0)) return used;
        bool open;
        (open, used) = deviations.usedOf(closing.market, closing.account, carrier, closing.period);
        if (open) revert DeviationReserved(carrier);
    }

    function _hasPosition(Closing memory closing, uint256 carrier) private pure returns (bool) {
        uint256 first = carrier * closing.params.periodSlots;
        for (uint256 i = first; i < first + closing.params.periodSlots; ++i) {
            if (closing.positions[i] != 0) return true;
        }
        return false;
    }

    /// @dev Sum of deviation times imbalance price over the carrier's slots, nano per kWh times Wh.
    function _carrierCost(
        Closing memory closing,
        uint256 carrier,
        bool measured,
        bytes calldata values,
        int32[] memory used,
        bytes[] calldata prices
    ) private pure returns (int256 cost) {
        uint256[] memory roundOfSlot = closing.roundOfSlot;
        int256[] memory positions = closing.positions;
        uint256 first = carrier * roundOfSlot.length;
        for (uint256 slot; slot < roundOfSlot.length; ++slot) {
            uint256 holder = roundOfSlot[slot];
            if (holder == 0) continue;
            int256 position = positions[first + slot];
            int256 metered = measured ? ReadingValues.valueOf(values, slot) : ReadingValues.MISSING;
            if (metered == ReadingValues.MISSING) {
                metered = _withoutReading(closing, slot, position);
            }
            int256 deviation = metered - position;
            if (deviation != 0) {
                int256 price = _priceOf(closing, carrier, slot, prices[holder - 1]);
                int256 part = used.length == 0 ? int256(0) : int256(used[slot]);
                cost += _deviationCost(closing.params, deviation, part, price);
            }
        }
    }

    /// @dev The part of a deviation that was not used as a reduction (used > 0, of less consumption
    /// than traded) or as an increase (used < 0, of more).
    function _leftOver(int256 deviation, int256 used) private pure returns (int256 left) {
        left = deviation + used;
        if (deviation < 0 && used > 0) return left > 0 ? int256(0) : left;
        if (deviation > 0 && used < 0) return left < 0 ? int256(0) : left;
        return deviation;
    }

    /// @dev What imbalance would pay for a used part is left out: it was paid for. What imbalance
    /// charges stays: nobody else pays for that energy.
    function _deviationCost(
        MarketParams memory params,
        int256 deviation,
        int256 used,
        int256 price
    ) private pure returns (int256 cost) {
        int256 cap = int256(uint256(params.imbalanceCap));
        int256 unit = deviation > 0
            ? ImbalancePrice.short(price, params.shortfallBp, cap)
            : ImbalancePrice.long(price, params.surplusBp, cap);
        cost = deviation * unit;
        if (cost < 0) cost = _leftOver(deviation, used) * unit;
    }

    /// @dev Who sold and shows no reading has delivered nothing, unless nobody was measured in the slot.
    function _withoutReading(Closing memory closing, uint256 slot, int256 position)
        private
        pure
        returns (int256)
    {
        if (position >= 0) return position;
        if (!closing.postWindowOver) revert CoverageNotFinal(closing.postWindowEnd);
        return closing.covered >> slot & 1 == 1 ? int256(0) : position;
    }

    /// @dev The carrier's price in zone 0, in the last settled round that holds the slot.
    function _priceOf(
        Closing memory closing,
        uint256 carrier,
        uint256 slot,
        bytes calldata prices
    ) private pure returns (int256 price) {
        SettledRound memory round = closing.rounds[closing.roundOfSlot[slot] - 1];
        if (prices.length == 0) revert WrongPrices(round.number);
        // Prices have the round's hash, hence one for each of its products: the place is within.
        unchecked {
            uint256 product = carrier * closing.params.zones * round.slots + _firstSlot(closing)
                + slot - round.firstSlot;
            assembly ("memory-safe") {
                price := sar(192, calldataload(add(prices.offset, mul(product, PRICE_BYTES))))
            }
        }
    }

    function _bounded(Closing memory closing, int256 charge) private view returns (int256) {
        int256 most = int256(closing.lock);
        if (charge > most) return most;
        if (charge >= 0) return charge;
        int256 least = -int256(ledger.bondOf(closing.market, closing.params.balancing));
        return charge < least ? least : charge;
    }

    function _firstSlot(Closing memory closing) private pure returns (uint256) {
        return uint256(closing.period) * closing.params.periodSlots;
    }
}
