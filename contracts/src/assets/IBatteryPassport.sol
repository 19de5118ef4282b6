// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ICapacitySource} from "../settlement/ICapacitySource.sol";

/// @title Battery passports: capacity and state of health, attested
/// @notice What an owner may sell a round is the sum over its batteries of
/// `floor(capacityWh * sohBp * cyclesPerDayMilli / 10^7)`: the usable capacity times the full cycles
/// a day that the attester allows. Only identified owners have a capacity: without a standing
/// EV-owner credential it is zero.
interface IBatteryPassport is ICapacitySource {
    /// @dev One word. `capacityWh` is the rated capacity, `sohBp` the state of health in hundredths
    /// of a percent of it, `cyclesPerDayMilli` full cycles a day in thousandths.
    struct Passport {
        address owner;
        uint40 capacityWh;
        uint16 sohBp;
        uint32 cyclesPerDayMilli;
        bool retired;
    }

    event BatteryAttested(
        bytes32 indexed batteryId,
        address indexed owner,
        uint256 capacityWh,
        uint256 sohBp,
        uint256 cyclesPerDayMilli
    );
    event BatteryRetired(bytes32 indexed batteryId, address indexed owner);

    /// @notice A zero battery id, capacity, state of health or cycle allowance.
    error ZeroValue();
    /// @notice A state of health above 10,000.
    error BadStateOfHealth(uint256 sohBp);
    /// @notice `owner` holds no standing EV-owner credential.
    error OwnerNotIdentified(address owner);
    /// @notice The battery was retired; it never comes back.
    error BatteryIsRetired(bytes32 batteryId);
    /// @notice The battery was never attested.
    error UnknownBattery(bytes32 batteryId);

    /// @notice The credential that owners need: keccak256("wattproof.role.ev_owner").
    function EV_OWNER() external view returns (bytes32);

    /// @notice Writes or rewrites a battery's passport; with another owner than before the battery
    /// and its capacity move there. Restricted (attester).
    function attest(
        address owner,
        bytes32 batteryId,
        uint40 capacityWh,
        uint16 sohBp,
        uint32 cyclesPerDayMilli
    ) external;

    /// @notice Takes a battery out of service for good. Restricted (attester).
    function retire(bytes32 batteryId) external;

    /// @notice The passport of a battery; all zero if it was never attested.
    function passportOf(bytes32 batteryId) external view returns (Passport memory);
}
