// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

import {Batch, IGreenCertificates} from "../certificates/IGreenCertificates.sol";
import {ILedger} from "../settlement/ILedger.sol";
import {SettlementMath} from "../settlement/SettlementMath.sol";
import {IQuotaRegistry, Obligation} from "./IQuotaRegistry.sol";
import {Quotas} from "./Quotas.sol";

/// @notice Certificates given up for an obligation.
abstract contract Surrenders is Quotas, ReentrancyGuardTransient {
    /// @dev Wh still owed, Wh of it that older certificates may meet, and what a call takes of both.
    struct Room {
        uint256 leftWh;
        uint256 bankLeftWh;
        uint256 takenWh;
        uint256 bankedWh;
    }

    IGreenCertificates public immutable certificates;

    constructor(address certificates_) {
        certificates = IGreenCertificates(certificates_);
    }

    /// @inheritdoc IQuotaRegistry
    function surrender(uint256 quota, uint256[] calldata ids, uint256[] calldata amounts)
        external
        nonReentrant
    {
        if (ids.length != amounts.length) {
            revert IGreenCertificates.LengthMismatch(ids.length, amounts.length);
        }
        if (ids.length == 0) revert ILedger.ZeroAmount();
        Quota storage q = _quota(quota);
        Obligation storage obligation = _obligation(quota, msg.sender);
        if (block.timestamp > q.terms.surrenderBy) revert SurrenderEnded(q.terms.surrenderBy);

        Room memory room = _room(q, obligation);
        for (uint256 i; i < ids.length; ++i) {
            bool banked = _isBanked(q, ids[i]);
            _take(room, amounts[i], banked);
            emit Surrendered(quota, msg.sender, ids[i], amounts[i], banked);
        }
        obligation.surrenderedWh += uint64(room.takenWh);
        obligation.bankedWh += uint64(room.bankedWh);
        certificates.retire(
            msg.sender, ids, amounts, msg.sender, string.concat("quota ", Strings.toString(quota))
        );
    }

    // ------------------------------------------------------------------ parts

    function _room(Quota storage q, Obligation storage obligation)
        private
        view
        returns (Room memory)
    {
        uint256 owed = _owedWh(obligation);
        uint256 bankable = owed * q.terms.bankLimit / SettlementMath.USCALE;
        return Room({
            leftWh: owed - obligation.surrenderedWh,
            bankLeftWh: bankable - obligation.bankedWh,
            takenWh: 0,
            bankedWh: 0
        });
    }

    function _take(Room memory room, uint256 amount, bool banked) private pure {
        if (amount == 0) revert ILedger.ZeroAmount();
        if (amount > room.leftWh - room.takenWh) revert BeyondObligation(room.leftWh);
        room.takenWh += amount;
        if (!banked) return;
        if (amount > room.bankLeftWh - room.bankedWh) revert BeyondBankLimit(room.bankLeftWh);
        room.bankedWh += amount;
    }

    /// @dev Whether the certificate is older than the compliance period; refuses one that does not count at all.
    function _isBanked(Quota storage q, uint256 id) private view returns (bool) {
        Batch memory batch = certificates.batchOf(id);
        if (
            q.terms.technologies & 1 << batch.technology == 0 || batch.startsAt >= q.endsAt
                || uint256(batch.startsAt) + q.terms.bankSeconds < q.startsAt
        ) revert NotEligible(id);
        return batch.startsAt < q.startsAt;
    }
}
