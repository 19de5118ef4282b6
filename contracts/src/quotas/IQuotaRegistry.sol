// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice What is obliged: energy fed in, or energy taken out.
enum Basis {
    Generation,
    Consumption
}

/// @notice A compliance period, for all whom it obliges.
struct QuotaTerms {
    /// Whose meters count: the electricity market and its carrier.
    uint32 market;
    uint16 carrier;
    /// Periods of that market, `[firstPeriod, firstPeriod + periods)`.
    uint32 firstPeriod;
    uint16 periods;
    /// What is due for certificates that lack, nano per kWh.
    uint64 penalty;
    /// How much of an obligation certificates from before the compliance period may meet, millionths.
    uint32 bankLimit;
    /// How long before the compliance period such certificates may have been produced, seconds.
    uint32 bankSeconds;
    /// The last second for surrendering.
    uint40 surrenderBy;
    /// Bit t: certificates of technology t count; bit 0 is none.
    uint256 technologies;
    /// Who receives penalties.
    address beneficiary;
}

/// @notice One account's obligation. Energy in Wh, money in micro-units of the market's asset.
struct Obligation {
    address device;
    Basis basis;
    /// Millionths of the metered energy.
    uint32 ratio;
    uint16 reportedPeriods;
    bool settled;
    /// Metered energy of the reported periods; once settled, of all periods.
    uint64 energyWh;
    uint64 surrenderedWh;
    /// The part of it that is older than the compliance period.
    uint64 bankedWh;
    /// Known once settled.
    uint64 shortfallWh;
    /// What is held for the account; nothing once settled.
    uint64 bond;
    /// Known once settled.
    uint64 penaltyPaid;
}

/// @title Quotas of green certificates (docs/protocol.md section 15)
/// @notice The government obliges accounts to show certificates for a share of what their meters measure. They
/// surrender certificates, some of them from earlier (banking, as far as the terms allow); for what lacks the bond pays
/// a penalty. A certificate is retired as it is surrendered, so it counts once.
/// @dev Also refuses with `ILedger.ZeroAmount`, `ILedger.ZeroAddress`, `ILedger.UnknownMarket`,
/// `ILedger.WrongAmountReceived` and `IGreenCertificates.LengthMismatch`. Surrendering needs the ERC-1155 approval of this contract by the holder.
interface IQuotaRegistry {
    event QuotaOpened(uint256 indexed quota, QuotaTerms terms, address asset);
    event Obliged(
        uint256 indexed quota, address indexed account, address device, Basis basis, uint32 ratio
    );
    event BondPosted(uint256 indexed quota, address indexed account, address from, uint256 amount);
    event EnergyReported(
        uint256 indexed quota, address indexed account, uint32 period, uint256 energyWh
    );
    event Surrendered(
        uint256 indexed quota, address indexed account, uint256 indexed id, uint256 amount, bool banked
    );
    /// @dev The compliance of an account, for everybody to read.
    event ComplianceSettled(
        uint256 indexed quota,
        address indexed account,
        uint256 energyWh,
        uint256 obligationWh,
        uint256 surrenderedWh,
        uint256 bankedWh,
        uint256 shortfallWh,
        uint256 penalty,
        uint256 penaltyPaid,
        uint256 bondReturned
    );

    /// @notice The quota does not exist.
    error UnknownQuota(uint256 quota);
    /// @notice What the text says is wrong with the terms.
    error BadTerms(string what);
    /// @notice The compliance period must begin at least `PUBLICATION_DELAY` from now.
    error PublishedTooLate(uint256 startsAt);
    /// @notice The account has no meter for the quota's market and carrier.
    error NoMeter(address account);
    /// @notice A ratio above one.
    error RatioTooLarge(uint32 ratio);
    /// @notice The account is not obliged under this quota.
    error NotObliged(address account);
    /// @notice The period is outside the compliance period.
    error OutsideQuota(uint32 period);
    /// @notice This period of the account was reported.
    error ReportedBefore(address account, uint32 period);
    /// @notice The reading can still change.
    error ReadingNotFinal(address device, uint32 period);
    /// @notice The values are not those of the final reading.
    error WrongReading(address device, uint32 period);
    /// @notice The last second for it was `surrenderBy`.
    error SurrenderEnded(uint256 surrenderBy);
    /// @notice Not before the second after `surrenderBy`.
    error SurrenderNotEnded(uint256 surrenderBy);
    /// @notice The certificate's technology does not count, or it was produced too early or too late for the quota.
    error NotEligible(uint256 id);
    /// @notice No more than `leftWh` is owed for what was reported so far.
    error BeyondObligation(uint256 leftWh);
    /// @notice No more than `leftWh` of earlier certificates count for what was reported so far.
    error BeyondBankLimit(uint256 leftWh);
    /// @notice The account's obligation was settled.
    error SettledBefore(address account);
    /// @notice Energy beyond 64 bits, or a bond beyond 2^63 - 1, which is all that the ledger takes.
    error TooLarge();

    // ------------------------------------------------------------------ the government

    /// @notice Opens a compliance period, at least `PUBLICATION_DELAY` before it begins; for ever. Restricted
    /// (government).
    function openQuota(QuotaTerms calldata terms) external returns (uint256 quota);

    /// @notice Obliges an account, or changes its ratio, at least `PUBLICATION_DELAY` before the period begins; a
    /// ratio of 0 obliges to nothing. Refused (`TooLarge`) for a meter that could measure 2^64 Wh or more. Restricted
    /// (government).
    function oblige(uint256 quota, address account, Basis basis, uint32 ratio) external;

    // ------------------------------------------------------------------ the obliged

    /// @notice Adds to an account's bond; anyone, until its obligation is settled.
    function postBond(uint256 quota, address account, uint256 amount) external;

    /// @notice Adds the metered energy of one period to an account's basis, once its reading is final; anyone, until its
    /// obligation is settled. Values that lack count as the meter's full capacity.
    /// @param values the final reading; empty where there is finally none
    function report(uint256 quota, address account, uint32 period, bytes calldata values) external;

    /// @notice Retires the caller's certificates for its obligation: no more than is owed for what was reported so far.
    /// All of them count or none.
    /// @param amounts each at least 1
    function surrender(uint256 quota, uint256[] calldata ids, uint256[] calldata amounts) external;

    /// @notice Settles an account after `surrenderBy`, once; anyone. Periods that nobody reported count as the meter's full
    /// capacity. The penalty goes from the bond, as far as it reaches, to the beneficiary, the rest of the bond back to
    /// the account: both into their free balances in the ledger.
    function settle(uint256 quota, address account) external;

    // ------------------------------------------------------------------ views

    /// @notice Seconds between the last change of a quota and the beginning of its compliance period, at least.
    function PUBLICATION_DELAY() external view returns (uint256);

    /// @notice Seconds between the moment in which the last reading is final at the latest and `surrenderBy`, at least.
    function SURRENDER_WINDOW() external view returns (uint256);

    /// @notice Quotas are numbered from 1.
    function quotaCount() external view returns (uint256);

    function quotaOf(uint256 quota) external view returns (QuotaTerms memory terms, address asset);

    function obligationOf(uint256 quota, address account) external view returns (Obligation memory);

    /// @notice Certificates owed for the energy reported so far, Wh, rounded up.
    function owedWh(uint256 quota, address account) external view returns (uint256);

    /// @notice Whether a period of the account was reported.
    function isReported(uint256 quota, address account, uint32 period) external view returns (bool);
}
