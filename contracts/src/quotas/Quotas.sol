// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {IMeterRegistry} from "../metering/IMeterRegistry.sol";
import {IExchange, MarketParams} from "../settlement/IExchange.sol";
import {ILedger} from "../settlement/ILedger.sol";
import {SettlementMath} from "../settlement/SettlementMath.sol";
import {Basis, IQuotaRegistry, Obligation, QuotaTerms} from "./IQuotaRegistry.sol";

/// @notice Terms of quotas, and whom they oblige.
abstract contract Quotas is IQuotaRegistry, AccessManaged {
    /// @dev `slotSeconds`, `periodSlots` and `asset` are the market's; the compliance period is
    /// `[startsAt, endsAt)`.
    struct Quota {
        QuotaTerms terms;
        address asset;
        uint32 slotSeconds;
        uint16 periodSlots;
        uint40 startsAt;
        uint40 endsAt;
    }

    /// @inheritdoc IQuotaRegistry
    uint256 public constant PUBLICATION_DELAY = 7 days;
    /// @inheritdoc IQuotaRegistry
    uint256 public constant SURRENDER_WINDOW = 1 days;

    uint256 private constant MOST_PERIODS = 400;
    /// @dev Meters number periods with 32 bits: what is beyond could never be reported.
    uint256 private constant PERIOD_NUMBERS = 2 ** 32;
    uint256 private constant RATE_CAP = 2 ** 62;
    uint256 private constant SECONDS_PER_HOUR = 3_600;
    /// @dev Certificates name technologies from 1 on; an id that was never issued says 0.
    uint256 private constant NO_TECHNOLOGY = 1 << 0;

    IExchange public immutable exchange;
    IMeterRegistry public immutable meters;

    /// @inheritdoc IQuotaRegistry
    uint256 public quotaCount;

    mapping(uint256 quota => Quota) private _quotas;
    mapping(uint256 quota => mapping(address account => Obligation)) private _obligations;

    constructor(address exchange_, address meters_) {
        exchange = IExchange(exchange_);
        meters = IMeterRegistry(meters_);
    }

    // ------------------------------------------------------------------ the government

    /// @inheritdoc IQuotaRegistry
    function openQuota(QuotaTerms calldata terms) external restricted returns (uint256 quota) {
        MarketParams memory params = exchange.market(terms.market);
        if (terms.beneficiary == address(0)) revert ILedger.ZeroAddress();
        _checkTerms(terms, params.carriers);
        uint256 periodSeconds = uint256(params.slotSeconds) * params.periodSlots;
        uint256 startsAt = terms.firstPeriod * periodSeconds;
        uint256 endsAt = startsAt + terms.periods * periodSeconds;
        _requirePublishable(startsAt);
        if (terms.surrenderBy < endsAt + _longestUntilFinal() + SURRENDER_WINDOW) {
            revert BadTerms("surrenderBy: leave a day after the last reading is final");
        }

        quota = ++quotaCount;
        _quotas[quota] = Quota({
            terms: terms,
            asset: params.asset,
            slotSeconds: params.slotSeconds,
            periodSlots: params.periodSlots,
            startsAt: uint40(startsAt),
            endsAt: uint40(endsAt)
        });
        emit QuotaOpened(quota, terms, params.asset);
    }

    /// @inheritdoc IQuotaRegistry
    function oblige(uint256 quota, address account, Basis basis, uint32 ratio) external restricted {
        Quota storage q = _quota(quota);
        if (ratio > SettlementMath.USCALE) revert RatioTooLarge(ratio);
        _requirePublishable(q.startsAt);
        Obligation storage obligation = _obligations[quota][account];
        address device = obligation.device;
        if (device == address(0)) {
            device = meters.deviceOf(q.terms.market, account, q.terms.carrier);
            if (device == address(0)) revert NoMeter(account);
            // So no sum of energy overflows later, when a refusal would harm somebody.
            if (uint256(q.terms.periods) * q.periodSlots * _reachWh(q, device) > type(uint64).max) {
                revert TooLarge();
            }
            obligation.device = device;
        }
        obligation.basis = basis;
        obligation.ratio = ratio;
        emit Obliged(quota, account, device, basis, ratio);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IQuotaRegistry
    function quotaOf(uint256 quota) external view returns (QuotaTerms memory terms, address asset) {
        Quota storage q = _quota(quota);
        return (q.terms, q.asset);
    }

    /// @inheritdoc IQuotaRegistry
    function obligationOf(uint256 quota, address account)
        external
        view
        returns (Obligation memory)
    {
        return _obligations[quota][account];
    }

    // ------------------------------------------------------------------ parts

    function _quota(uint256 quota) internal view returns (Quota storage q) {
        q = _quotas[quota];
        if (q.terms.beneficiary == address(0)) revert UnknownQuota(quota);
    }

    function _obligation(uint256 quota, address account)
        internal
        view
        returns (Obligation storage obligation)
    {
        obligation = _obligations[quota][account];
        if (obligation.device == address(0)) revert NotObliged(account);
    }

    /// @dev Most that the device can measure in a slot, Wh.
    function _reachWh(Quota storage q, address device) internal view returns (uint256) {
        return uint256(meters.deviceInfo(device).capacityW) * q.slotSeconds / SECONDS_PER_HOUR;
    }

    /// @dev Certificates owed for what has been counted, rounded up.
    function _owedWh(Obligation storage obligation) internal view returns (uint256) {
        return SettlementMath.ceilDiv(
            uint256(obligation.energyWh) * obligation.ratio, SettlementMath.USCALE
        );
    }

    function _checkTerms(QuotaTerms calldata terms, uint16 carriers) private pure {
        if (terms.carrier >= carriers) revert BadTerms("carrier: the market has no such one");
        if (terms.periods == 0 || terms.periods > MOST_PERIODS) {
            revert BadTerms("periods: 1 to 400");
        }
        if (uint256(terms.firstPeriod) + terms.periods > PERIOD_NUMBERS) {
            revert BadTerms("periods: numbered below 2^32");
        }
        if (terms.penalty > RATE_CAP) revert BadTerms("penalty: at most 2^62 nano per kWh");
        if (terms.bankLimit > SettlementMath.USCALE) {
            revert BadTerms("bankLimit: at most a million millionths");
        }
        if (terms.technologies == 0 || terms.technologies & NO_TECHNOLOGY != 0) {
            revert BadTerms("technologies: bits 1 to 255, at least one");
        }
    }

    /// @dev Seconds after a period's end from which its reading is final whatever happens, less one.
    function _longestUntilFinal() private view returns (uint256) {
        return meters.POST_WINDOW() + meters.DISPUTE_WINDOW() + meters.RESOLVE_WINDOW();
    }

    function _requirePublishable(uint256 startsAt) private view {
        if (block.timestamp + PUBLICATION_DELAY > startsAt) revert PublishedTooLate(startsAt);
    }
}
