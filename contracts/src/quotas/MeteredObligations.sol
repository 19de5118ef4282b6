// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ReadingValues} from "../metering/ReadingValues.sol";
import {Basis, IQuotaRegistry, Obligation} from "./IQuotaRegistry.sol";
import {Quotas} from "./Quotas.sol";

/// @notice What final readings oblige to.
abstract contract MeteredObligations is Quotas {
    uint256 private constant BITS = 256;

    /// @dev Bit `i % 256` of word `i / 256`: period i of the compliance period was reported.
    mapping(uint256 quota => mapping(address account => mapping(uint256 word => uint256))) private
        _reported;

    /// @inheritdoc IQuotaRegistry
    function report(uint256 quota, address account, uint32 period, bytes calldata values) external {
        Quota storage q = _quota(quota);
        Obligation storage obligation = _obligation(quota, account);
        if (obligation.settled) revert SettledBefore(account);
        _takePeriod(q, quota, account, period);
        _requireFinal(obligation.device, period, values);

        uint256 energyWh = values.length == 0
            ? _fullPeriodWh(q, obligation.device)
            : _countWh(q, obligation, values);
        obligation.energyWh += uint64(energyWh);
        ++obligation.reportedPeriods;
        emit EnergyReported(quota, account, period, energyWh);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IQuotaRegistry
    function owedWh(uint256 quota, address account) external view returns (uint256) {
        _quota(quota);
        return _owedWh(_obligation(quota, account));
    }

    /// @inheritdoc IQuotaRegistry
    function isReported(uint256 quota, address account, uint32 period)
        external
        view
        returns (bool)
    {
        Quota storage q = _quota(quota);
        if (!_isWithin(q, period)) return false;
        uint256 index = period - q.terms.firstPeriod;
        return _reported[quota][account][index / BITS] & 1 << index % BITS != 0;
    }

    // ------------------------------------------------------------------ parts

    /// @dev Counts the periods that nobody reported as the meter's full capacity. Cannot overflow: what the meter can
    /// measure in all periods was looked at when the account was obliged.
    function _countUnreported(Quota storage q, Obligation storage obligation) internal {
        uint256 lacking = q.terms.periods - obligation.reportedPeriods;
        if (lacking == 0) return;
        obligation.energyWh += uint64(lacking * _fullPeriodWh(q, obligation.device));
    }

    function _takePeriod(Quota storage q, uint256 quota, address account, uint32 period) private {
        if (!_isWithin(q, period)) revert OutsideQuota(period);
        uint256 index = period - q.terms.firstPeriod;
        uint256 bit = 1 << index % BITS;
        uint256 word = _reported[quota][account][index / BITS];
        if (word & bit != 0) revert ReportedBefore(account, period);
        _reported[quota][account][index / BITS] = word | bit;
    }

    /// @dev Empty values stand for a reading that finally is not there.
    function _requireFinal(address device, uint32 period, bytes calldata values) private view {
        (bool isFinal, bytes32 valuesHash) = meters.finalReading(device, period);
        if (!isFinal) revert ReadingNotFinal(device, period);
        if (values.length == 0 ? valuesHash != 0 : keccak256(values) != valuesHash) {
            revert WrongReading(device, period);
        }
    }

    /// @dev The registry has checked the number and the size of the values.
    function _countWh(Quota storage q, Obligation storage obligation, bytes calldata values)
        private
        view
        returns (uint256 energyWh)
    {
        bool generation = obligation.basis == Basis.Generation;
        uint256 reachWh = _reachWh(q, obligation.device);
        uint256 slots = values.length / ReadingValues.BYTES_PER_SLOT;
        for (uint256 slot; slot < slots; ++slot) {
            int256 wh = ReadingValues.valueOf(values, slot);
            if (wh == ReadingValues.MISSING) energyWh += reachWh;
            else if (generation && wh < 0) energyWh += uint256(-wh);
            else if (!generation && wh > 0) energyWh += uint256(wh);
        }
    }

    function _fullPeriodWh(Quota storage q, address device) private view returns (uint256) {
        return q.periodSlots * _reachWh(q, device);
    }

    function _isWithin(Quota storage q, uint32 period) private view returns (bool) {
        uint256 first = q.terms.firstPeriod;
        return period >= first && period < first + q.terms.periods;
    }
}
