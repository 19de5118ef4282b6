// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {TokenisedProducts} from "../settlement/TokenisedProducts.sol";
import {CertifiedDevices} from "./CertifiedDevices.sol";
import {SalePools} from "./SalePools.sol";
import {Stores} from "./Stores.sol";

/// @title Green certificates; see IGreenCertificates
/// @dev Immutable: no owner, no pause, no upgrade. Everything that changes state, but `deliver`, is closed while a
/// receiver's hook runs.
contract GreenCertificates is Stores, SalePools {
    /// @param manager the AccessManager that knows certificate registrars and market administrators
    constructor(address manager, address exchange_, address meters_)
        AccessManaged(manager)
        CertifiedDevices(exchange_, meters_)
        TokenisedProducts(exchange_)
    {}

    function requestRecall(uint32 market, uint32 slot, uint256 amount) public override nonReentrant {
        super.requestRecall(market, slot, amount);
    }

    function completeRecall(uint32 market, uint32 slot) public override nonReentrant {
        super.completeRecall(market, slot);
    }
}
