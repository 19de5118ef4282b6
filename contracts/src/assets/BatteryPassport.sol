// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {ICredentialRegistry} from "../identity/ICredentialRegistry.sol";
import {IBatteryPassport} from "./IBatteryPassport.sol";
import {ICapacitySource} from "../settlement/ICapacitySource.sol";

/// @title Battery passports: capacity and state of health, attested; see IBatteryPassport
contract BatteryPassport is IBatteryPassport, AccessManaged {
    bytes32 public constant EV_OWNER = keccak256("wattproof.role.ev_owner");

    uint256 private constant FULL_HEALTH_BP = 10_000;
    uint256 private constant MILLI = 1_000;

    ICredentialRegistry public immutable credentials;

    mapping(bytes32 batteryId => Passport) private _passports;
    mapping(address owner => uint256) private _attestedWh;

    /// @param manager the AccessManager that knows the attester
    /// @param credentials_ where owners are identified
    constructor(address manager, address credentials_) AccessManaged(manager) {
        credentials = ICredentialRegistry(credentials_);
    }

    /// @inheritdoc ICapacitySource
    function capacityWh(address owner) external view returns (uint256) {
        return _isIdentified(owner) ? _attestedWh[owner] : 0;
    }

    function passportOf(bytes32 batteryId) external view returns (Passport memory) {
        return _passports[batteryId];
    }

    function attest(
        address owner,
        bytes32 batteryId,
        uint40 ratedWh,
        uint16 sohBp,
        uint32 cyclesPerDayMilli
    ) external restricted {
        if (batteryId == 0 || ratedWh == 0 || sohBp == 0 || cyclesPerDayMilli == 0) {
            revert ZeroValue();
        }
        if (sohBp > FULL_HEALTH_BP) revert BadStateOfHealth(sohBp);
        if (!_isIdentified(owner)) revert OwnerNotIdentified(owner);
        Passport memory passport = _passports[batteryId];
        if (passport.retired) revert BatteryIsRetired(batteryId);

        _attestedWh[passport.owner] -= _sellableWh(passport);
        passport = Passport(owner, ratedWh, sohBp, cyclesPerDayMilli, false);
        _attestedWh[owner] += _sellableWh(passport);
        _passports[batteryId] = passport;
        emit BatteryAttested(batteryId, owner, ratedWh, sohBp, cyclesPerDayMilli);
    }

    function retire(bytes32 batteryId) external restricted {
        Passport memory passport = _passports[batteryId];
        if (passport.owner == address(0)) revert UnknownBattery(batteryId);
        if (passport.retired) revert BatteryIsRetired(batteryId);
        _attestedWh[passport.owner] -= _sellableWh(passport);
        _passports[batteryId].retired = true;
        emit BatteryRetired(batteryId, passport.owner);
    }

    function _isIdentified(address owner) private view returns (bool) {
        return credentials.standing(owner, EV_OWNER, block.timestamp);
    }

    /// @dev Rounds down. Zero for the passport of a battery that was never attested.
    function _sellableWh(Passport memory passport) private pure returns (uint256) {
        return uint256(passport.capacityWh) * passport.sohBp * passport.cyclesPerDayMilli
            / (FULL_HEALTH_BP * MILLI);
    }
}
