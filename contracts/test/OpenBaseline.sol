// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Baseline, BaselineRule, Claim, Subject} from "../src/flexibility/Baseline.sol";
import {IDeviations} from "../src/metering/IDeviations.sol";
import {IMeterRegistry} from "../src/metering/IMeterRegistry.sol";

/// @notice The baseline library as anybody can call it.
contract OpenBaseline {
    IMeterRegistry public immutable meters;
    IDeviations public immutable deviations;

    constructor(address meters_, address deviations_) {
        meters = IMeterRegistry(meters_);
        deviations = IDeviations(deviations_);
    }

    function check(BaselineRule calldata rule, uint32 slotSeconds, uint16 periodSlots) external pure {
        Baseline.check(rule, slotSeconds, periodSlots);
    }

    function measure(
        BaselineRule calldata rule,
        Subject calldata subject,
        Claim calldata claim,
        bool increases
    ) external view returns (int256[] memory baseline, int256[] memory metered) {
        return Baseline.measure(meters, deviations, rule, subject, claim, increases);
    }

    function measureReduction(BaselineRule calldata rule, Subject calldata subject, Claim calldata claim)
        external
        view
        returns (int256[] memory baseline, int256[] memory metered)
    {
        return Baseline.measure(meters, deviations, rule, subject, claim);
    }
}
