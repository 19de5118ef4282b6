// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice A device for which certificates are issued. `efficiencyBp` is 0 for a producer; for a store it is
/// its round-trip efficiency in hundredths of a percent. `fromPeriod` is the first period of its market
/// that counts, `untilPeriod` the first that does not any more (0: none known).
struct CertifiedDevice {
    uint32 market;
    uint16 zone;
    uint8 technology;
    uint16 efficiencyBp;
    uint32 fromPeriod;
    uint32 untilPeriod;
    uint32 slotSeconds;
    uint16 periodSlots;
    bool issued;
}

/// @notice One batch: what a device's meter proved for one interval. `startsAt` and `endsAt` bound the interval,
/// `vintage` is the one it began in, Wh amounts: held = issued - retired - expired.
struct Batch {
    address device;
    uint40 startsAt;
    uint40 endsAt;
    uint8 technology;
    uint16 zone;
    uint32 vintage;
    uint64 issuedWh;
    uint64 retiredWh;
    uint64 expiredWh;
}

/// @notice What a store holds: energy as its meter and efficiency say, and the green part of it by technology, where
/// there is any, in ascending order of technologies.
/// `nextPeriod` is the period that is accounted next; periods are accounted in order.
struct StoreView {
    uint64 capacityWh;
    uint64 energyWh;
    uint32 nextPeriod;
    uint8[] technologies;
    uint64[] greenWh;
}

/// @notice Certificates that a store's owner gives for energy charged in a slot, counted in the period.
struct Charge {
    uint16 slot;
    uint256 id;
    uint64 amount;
}

/// @notice A range of a sale pool's positions that belongs to somebody who has not collected it yet.
struct Parcel {
    uint128 start;
    uint128 length;
}

/// @title Green certificates (docs/protocol.md section 14)
/// @notice A certificate says that one Wh was produced, by which device and in which metered interval
/// (EnergyTag's granular certificate). Certificates of one device, interval and technology are one ERC-1155 id:
/// `device (160) << 56 | period (32) << 24 | slot in the period (16) << 8 | technology (8)`.
/// They are issued from final meter readings only, never above them and never twice; they are transferred, traded
/// by class on the Exchange (`ITokenisedProducts`: a market trades a technology and zone, its slot s the
/// vintage `s - LIFETIME / VINTAGE_SECONDS`, which expires as the slot ends), given into a store and come out of
/// it less its losses, retired for somebody's benefit, or expire. For every id: issued = held + retired + expired.
/// @dev Also refuses with `ILedger.ZeroAmount`, `ILedger.ZeroAddress`, `ILedger.MarketFrozen` and OpenZeppelin's
/// ERC-1155 errors. What calls a receiver's hook does so last, and nothing can be entered meanwhile.
interface IGreenCertificates {
    event ProducerRegistered(
        address indexed device, uint32 indexed market, uint8 technology, uint16 zone, uint32 fromPeriod
    );
    event StoreRegistered(
        address indexed device,
        uint32 indexed market,
        uint16 zone,
        uint16 efficiencyBp,
        uint64 capacityWh,
        uint32 fromPeriod
    );
    event DeviceCorrected(address indexed device, uint8 technology, uint16 zone);
    event DeviceWithdrawn(address indexed device, uint32 untilPeriod);
    /// @dev One event a batch, beside ERC-1155's transfer from zero.
    event BatchIssued(uint256 indexed id, address indexed to, uint256 amount);
    /// @dev A period of a store was accounted; what it holds afterwards.
    event StoreAccounted(address indexed device, uint32 indexed period, uint64 energyWh, uint64 greenWh);
    /// @dev `amount` of `id` was retired for energy charged by `device`; nobody may claim it.
    event Stored(address indexed device, uint32 indexed period, uint16 slot, uint256 indexed id, uint256 amount);
    /// @dev ERC-1888. `topic` is the technology, `claimData` is `abi.encode(string purpose)`.
    event ClaimSingle(
        address indexed claimIssuer,
        address indexed claimSubject,
        uint256 indexed topic,
        uint256 id,
        uint256 value,
        bytes claimData
    );
    event Expired(address indexed holder, uint256 indexed id, uint256 amount);
    event MarketBound(uint32 indexed market, uint8 technology, uint16 zone);
    /// @dev Certificates went into a sale pool: they are at positions `[start, start + amount)`.
    event Pooled(uint32 indexed market, uint32 indexed slot, uint256 indexed id, uint128 start, uint128 amount);
    /// @dev Positions left the pool, first in first out, for `to` (a sale or a recall).
    event Assigned(
        uint32 indexed market, uint32 indexed slot, address indexed to, uint128 start, uint128 length
    );

    /// @notice The meter registry has no such device.
    error UnknownDevice(address device);
    /// @notice The device is registered here already.
    error DeviceKnown(address device);
    /// @notice The device is no producer, or no store, of this registry.
    error NotCertified(address device);
    /// @notice Technology 0, an efficiency of 0 or above 10,000, or a store without capacity.
    error BadDevice();
    /// @notice The period began at `startsAt`.
    error PeriodBegan(uint256 startsAt);
    /// @notice The device's registration ends at `untilPeriod` already.
    error WithdrawnBefore(address device, uint32 untilPeriod);
    /// @notice Certificates of the device exist: what they say does not change any more.
    error IssuedBefore(address device);
    /// @notice The device does not count in this period.
    error OutsideRegistration(address device, uint32 period);
    /// @notice Slots that a period does not have, or none.
    error BadSlots(uint256 firstSlot, uint256 slots);
    /// @notice The reading can still change.
    error ReadingNotFinal(address device, uint32 period);
    /// @notice The values are not those of the final reading, or there is none.
    error WrongReading(address device, uint32 period);
    /// @notice Nothing is left to issue in these slots: issued before, or nothing was produced.
    error NothingToIssue();
    /// @notice Certificates of the id exist no more, since `expiresAt`.
    error CertificateExpired(uint256 id, uint256 expiresAt);
    /// @notice The id does not expire before `expiresAt`.
    error NotExpired(uint256 id, uint256 expiresAt);
    /// @notice Lists of different lengths.
    error LengthMismatch(uint256 ids, uint256 amounts);
    /// @notice The store's periods are accounted in order; this one is next.
    error PeriodOutOfOrder(uint32 nextPeriod);
    /// @notice Only the account of the store's meter.
    error NotOwner(address device, address caller);
    /// @notice Charges are given in ascending order of slots.
    error ChargesOutOfOrder(uint256 index);
    /// @notice More certificates than the meter shows charged in the slot.
    error BeyondCharge(uint256 slot, uint256 chargedWh);
    /// @notice A certificate of another zone than the store's, or of an interval that does not lie in the slot.
    error NotSimultaneous(uint256 id);
    /// @notice A store mixes at most so many technologies.
    error TooManyTechnologies(uint256 most);
    /// @notice The market does not trade tokens of this contract, or its slots are not vintages.
    error NotTradable(uint32 market);
    /// @notice The market trades another class already.
    error BoundBefore(uint32 market);
    /// @notice No class is traded in the market.
    error NotBound(uint32 market);
    /// @notice The id is not of the class that the market's slot trades.
    error OtherClass(uint256 id);
    /// @notice Nothing is there for this account to collect.
    error NothingToCollect(address holder);

    // ------------------------------------------------------------------ the issuing body

    /// @notice Certifies a producing device of the meter registry, from a period that has not begun. Restricted
    /// (certificate registrar).
    function registerProducer(address device, uint8 technology, uint16 zone, uint32 fromPeriod) external;

    /// @notice Certifies a store: certificates given for what it charges come out of it less its losses. It begins
    /// full, without anything green in it. Restricted (certificate registrar).
    function registerStore(
        address device,
        uint16 zone,
        uint16 efficiencyBp,
        uint64 capacityWh,
        uint32 fromPeriod
    ) external;

    /// @notice Corrects what a device is, while no certificate says it yet. A store's technology is 0. Restricted
    /// (certificate registrar).
    function correct(address device, uint8 technology, uint16 zone) external;

    /// @notice Ends a device's registration at a period that has not begun. Restricted (certificate registrar).
    function withdraw(address device, uint32 untilPeriod) external;

    /// @notice Lets a tokenised market trade a technology and zone; once. Restricted (market administrator).
    function bindMarket(uint32 market, uint8 technology, uint16 zone) external;

    // ------------------------------------------------------------------ issue

    /// @notice Issues what a producer's final reading shows it to have fed in, slot by slot, to its meter's account;
    /// anyone may bring the reading. Slots issued before, and those without production, are passed over.
    /// @param values the whole reading of the period
    /// @return amount Wh issued
    function issue(address device, uint32 period, uint16 firstSlot, uint16 slots, bytes calldata values)
        external
        returns (uint256 amount);

    /// @notice Accounts a store's next period: retires the certificates given for what it charged, and issues to
    /// its account the green share of what it discharged, at most 256 batches. Only the account of its meter.
    /// @param values the final reading; empty where there is finally none
    function account(address device, uint32 period, bytes calldata values, Charge[] calldata charges)
        external
        returns (uint256 amount);

    // ------------------------------------------------------------------ holders

    /// @notice Retires certificates of `from` for ever: they count for `beneficiary` and move no more. The holder, or
    /// whom it approved (ERC-1155).
    /// @param purpose what they are claimed for, in words
    function retire(
        address from,
        uint256[] calldata ids,
        uint256[] calldata amounts,
        address beneficiary,
        string calldata purpose
    ) external;

    /// @notice Takes expired certificates of a holder out of circulation; anyone.
    function expire(address holder, uint256[] calldata ids) external;

    /// @notice Puts the caller's certificates of one class into the sale pool of a market and slot, in this order;
    /// refused while the market is frozen.
    function offer(uint32 market, uint32 slot, uint256[] calldata ids, uint256[] calldata amounts) external;

    /// @notice Hands `holder` the certificates that it bought or recalled: as many batches as `most`, first in first
    /// out; anyone may call it.
    /// @return left whether more are to be collected
    function collect(uint32 market, uint32 slot, address holder, uint256 most) external returns (bool left);

    // ------------------------------------------------------------------ views

    /// @notice Seconds of a vintage; vintage v is `[v * VINTAGE_SECONDS, (v + 1) * VINTAGE_SECONDS)`.
    function VINTAGE_SECONDS() external view returns (uint256);

    /// @notice Seconds after the end of its vintage in which a certificate lives.
    function LIFETIME() external view returns (uint256);

    function certificateId(address device, uint32 period, uint16 slot, uint8 technology)
        external
        pure
        returns (uint256);

    function deviceOf(address device) external view returns (CertifiedDevice memory);

    /// @notice A batch; all zero where none was issued.
    function batchOf(uint256 id) external view returns (Batch memory);

    /// @notice From this second on certificates of the id only expire.
    function expiryOf(uint256 id) external view returns (uint256);

    /// @notice Bit i: slot i of a producer's period has been issued.
    function issuedSlots(address device, uint32 period) external view returns (uint256);

    function storeOf(address device) external view returns (StoreView memory);

    /// @notice ERC-1888: what was retired for a beneficiary.
    function claimedBalanceOf(address beneficiary, uint256 id) external view returns (uint256);

    function claimedBalanceOfBatch(address[] calldata beneficiaries, uint256[] calldata ids)
        external
        view
        returns (uint256[] memory);

    /// @notice The class a market trades; technology 0 for none.
    function classOf(uint32 market) external view returns (uint8 technology, uint16 zone);

    /// @notice Positions of a sale pool: `[head, tail)` is for sale. They stay below 2^96.
    function poolOf(uint32 market, uint32 slot) external view returns (uint128 head, uint128 tail);

    /// @notice What `holder` bought or recalled and has not collected.
    function parcelsOf(uint32 market, uint32 slot, address holder) external view returns (Parcel[] memory);

    /// @notice Which certificates stand at the positions `[start, start + length)`: provenance down to device and
    /// interval, before and after they are collected. What lies beyond the pool's tail is left out.
    function certificatesAt(uint32 market, uint32 slot, uint128 start, uint128 length)
        external
        view
        returns (uint256[] memory ids, uint256[] memory amounts);
}
