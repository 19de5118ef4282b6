// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {ILedger} from "../settlement/ILedger.sol";
import {SettlementMath} from "../settlement/SettlementMath.sol";
import {TokenMoves} from "../settlement/TokenMoves.sol";
import {IQuotaRegistry, Obligation} from "./IQuotaRegistry.sol";
import {MeteredObligations} from "./MeteredObligations.sol";
import {Quotas} from "./Quotas.sol";
import {Surrenders} from "./Surrenders.sol";

/// @title Quotas of green certificates; see IQuotaRegistry
/// @dev Immutable: no owner of the contract, no pause, no upgrade. Here are the bonds and what becomes of them.
contract QuotaRegistry is MeteredObligations, Surrenders {
    /// @dev What the ledger takes back: a larger bond could never be settled.
    uint256 private constant BOND_CAP = 2 ** 63 - 1;

    ILedger public immutable ledger;

    /// @param manager the AccessManager that knows the government
    constructor(
        address manager,
        address exchange_,
        address ledger_,
        address meters_,
        address certificates_
    ) AccessManaged(manager) Quotas(exchange_, meters_) Surrenders(certificates_) {
        ledger = ILedger(ledger_);
    }

    /// @inheritdoc IQuotaRegistry
    function postBond(uint256 quota, address account, uint256 amount) external nonReentrant {
        if (amount == 0) revert ILedger.ZeroAmount();
        Quota storage q = _quota(quota);
        Obligation storage obligation = _obligation(quota, account);
        if (obligation.settled) revert SettledBefore(account);
        if (amount > BOND_CAP - obligation.bond) revert TooLarge();
        obligation.bond += uint64(amount);
        emit BondPosted(quota, account, msg.sender, amount);
        TokenMoves.receiveExactly(q.asset, amount);
    }

    /// @inheritdoc IQuotaRegistry
    function settle(uint256 quota, address account) external nonReentrant {
        Quota storage q = _quota(quota);
        Obligation storage obligation = _obligation(quota, account);
        if (block.timestamp <= q.terms.surrenderBy) revert SurrenderNotEnded(q.terms.surrenderBy);
        if (obligation.settled) revert SettledBefore(account);

        _countUnreported(q, obligation);
        uint256 owed = _owedWh(obligation);
        uint256 shortfallWh = owed - obligation.surrenderedWh;
        uint256 penalty =
            SettlementMath.ceilDiv(shortfallWh * q.terms.penalty, SettlementMath.USCALE);
        uint256 bond = obligation.bond;
        uint256 paid = penalty < bond ? penalty : bond;
        obligation.settled = true;
        obligation.shortfallWh = uint64(shortfallWh);
        obligation.bond = 0;
        obligation.penaltyPaid = uint64(paid);
        emit ComplianceSettled(
            quota,
            account,
            obligation.energyWh,
            owed,
            obligation.surrenderedWh,
            obligation.bankedWh,
            shortfallWh,
            penalty,
            paid,
            bond - paid
        );
        if (paid != 0) TokenMoves.payInto(ledger, q.asset, paid, q.terms.beneficiary);
        if (paid != bond) TokenMoves.payInto(ledger, q.asset, bond - paid, account);
    }
}
