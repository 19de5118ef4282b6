// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title The development network's settlement unit
/// @notice A plain ERC-20 with permit (ERC-2612) and six decimals. Its supply is what was minted less
/// what was burnt: nothing else creates or destroys units, and no transfer calls the receiver.
contract SettlementToken is ERC20, ERC20Permit, AccessManaged {
    /// @param manager the AccessManager that says who may mint
    constructor(address manager)
        ERC20("Wattproof Settlement Unit", "WSU")
        ERC20Permit("Wattproof Settlement Unit")
        AccessManaged(manager)
    {}

    /// @notice Six, so that one unit of the last place is a micro-unit of money.
    function decimals() public pure override returns (uint8) {
        return 6;
    }

    /// @notice Creates `amount` micro-units for `to`. Restricted to the manager's minter role.
    function mint(address to, uint256 amount) external restricted {
        _mint(to, amount);
    }

    /// @notice Destroys `amount` micro-units of the caller's own.
    function burn(uint256 amount) external {
        _burn(msg.sender, amount);
    }
}
