// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {BaselineRule, Claim} from "./Baseline.sol";

/// @notice Which way an event asks the account to move its net consumption.
enum Direction {
    Reduce,
    Increase
}

/// @notice How far an account's part in an event has come.
enum PartStatus {
    None,
    Instructed,
    Refused,
    Reported,
    Disputed,
    Resolved,
    Settled,
    Lapsed
}

/// @notice How a disputed report is ruled on: as reported; without penalty; without either payment.
enum Ruling {
    Keep,
    Excuse,
    Void
}

/// @notice What a programme promises, for ever. `incentive` and `penalty` are nano-units of money per
/// kWh; `notice`, `refusalLead` and `disputeWindow` are seconds; `role` is the credential that an
/// account needs (0: none).
struct ProgrammeTerms {
    uint32 market;
    uint16 carrier;
    Direction direction;
    /// Part of a target that may be missed without penalty, ten-thousandths.
    uint16 toleranceBp;
    uint16 maxEventSlots;
    /// An event is called, and accounts are instructed, at least so long before it starts.
    uint32 notice;
    /// An account may refuse until so long before the start; less than `notice`.
    uint32 refusalLead;
    /// How long after a report it may be disputed; at most 3 days.
    uint32 disputeWindow;
    uint64 incentive;
    uint64 penalty;
    bytes32 role;
    BaselineRule rule;
}

/// @notice A programme as it stands. `setAside` is the part of the escrow that open events may cost;
/// both in micro-units of `asset`, the asset of its market.
struct ProgrammeView {
    address owner;
    address asset;
    uint64 escrow;
    uint64 setAside;
    ProgrammeTerms terms;
}

/// @notice An account in a programme; `capacityW` is 0 where it is not enrolled. `setAside` is the part
/// of the bond that open events may cost, `openEvents` how many there are; `since` is the first period
/// that may count as one of its baseline days.
struct Enrolment {
    uint48 capacityW;
    uint32 since;
    uint64 bond;
    uint64 setAside;
    uint32 openEvents;
    bool available;
}

/// @notice A window of one period; `firstSlot` counts from the period's first.
struct EventWindow {
    uint32 programme;
    uint32 period;
    uint16 firstSlot;
    uint16 slots;
}

/// @notice An account's part in an event. `performanceWh`, `incentive` and `penalty` are set by its
/// report; `changedAt` is when it was reported or disputed.
struct Participation {
    PartStatus status;
    uint48 targetW;
    uint64 incentiveSetAside;
    uint64 penaltySetAside;
    uint64 performanceWh;
    uint64 incentive;
    uint64 penalty;
    uint48 changedAt;
    uint256 reservation;
    /// keccak256 of the published baseline; 0 without one.
    bytes32 publishedHash;
}

/// @title Demand response: programmes, events and what is paid for them (docs/protocol.md section 13)
/// @notice An owner funds a programme and calls events; enrolled accounts with a bond move their net
/// consumption; their final meter readings against a baseline say what they did, and this contract pays
/// incentive and penalty from money that both sides put here beforehand. Nobody has to be trusted to
/// finish an event: anybody may report, settle or lapse it.
/// @dev The terms are those of OpenADR 3: programme, event, report. Money leaves into free balances of
/// the ledger only, so nobody's account can refuse a payment. A second named in a deadline is in time.
/// Also refuses with `ILedger.WrongAmountReceived` (an asset that took a fee).
interface IDemandResponse {
    event ProgrammeCreated(
        uint32 indexed programme, address indexed owner, ProgrammeTerms terms, address asset
    );
    event Funded(uint32 indexed programme, address indexed from, uint256 amount);
    event Defunded(uint32 indexed programme, uint256 amount);
    event Enrolled(
        uint32 indexed programme,
        address indexed account,
        uint48 capacityW,
        uint32 since,
        uint256 bond
    );
    event BondAdded(uint32 indexed programme, address indexed account, uint256 amount);
    event AvailabilityChanged(uint32 indexed programme, address indexed account, bool available);
    event Left(uint32 indexed programme, address indexed account, uint256 bond);
    event EventCalled(
        uint64 indexed eventId,
        uint32 indexed programme,
        uint32 period,
        uint16 firstSlot,
        uint16 slots
    );
    event Instructed(
        uint64 indexed eventId,
        address indexed account,
        uint48 targetW,
        uint256 incentiveSetAside,
        uint256 penaltySetAside,
        uint256 reservation
    );
    /// @param values packed `int32` Wh of the period's slots
    event BaselinePublished(uint64 indexed eventId, address indexed account, bytes values);
    event Refused(uint64 indexed eventId, address indexed account);
    /// @dev What was used of every slot is in the event of the deviations.
    event Reported(
        uint64 indexed eventId,
        address indexed account,
        uint256 performanceWh,
        uint256 incentive,
        uint256 penalty
    );
    event Disputed(uint64 indexed eventId, address indexed account, address by);
    event Resolved(uint64 indexed eventId, address indexed account, Ruling ruling);
    event Settled(
        uint64 indexed eventId, address indexed account, uint256 incentive, uint256 penalty
    );
    event Lapsed(uint64 indexed eventId, address indexed account);

    /// @notice An amount, capacity or target of nothing.
    error ZeroAmount();
    /// @notice The market has no such carrier.
    error UnknownCarrier(uint16 carrier);
    /// @notice A term contradicts another or is out of its bounds: a refusal lead that is not less than
    /// the notice, more than 10,000 ten-thousandths of tolerance, no slot or more than a period has, a
    /// dispute window over 3 days, a rate over 2^62.
    error BadTerms();
    error UnknownProgramme(uint32 programme);
    error UnknownEvent(uint64 eventId);
    /// @notice Only the programme's owner may do this.
    error NotOwner(address caller);
    /// @notice More than 2^63 - 1 micro-units of an asset would be held here.
    error HoldingCapExceeded();
    /// @notice What open events do not need of the escrow is `unbound`.
    error EscrowBound(uint256 unbound);
    /// @notice What open events do not need of the bond is `unbound`; `addBond` raises it.
    error BondBound(uint256 unbound);
    error NotEnrolled(address account);
    error EnrolledBefore(address account);
    /// @notice The account has no meter for the programme's market and carrier.
    error NoDevice(address account);
    /// @notice The meter cannot swing further than `most` W (from full export to full import).
    error BeyondMeter(uint256 most);
    /// @notice The account's first baseline day would lie in the future.
    error SinceInFuture(uint256 period);
    /// @notice The account does not hold the credential that the programme asks for.
    error NotCredentialed(address account, bytes32 role);
    /// @notice The account takes part in `openEvents` events that are not finished.
    error EventsOpen(uint256 openEvents);
    /// @notice The account takes no instructions now.
    error NotAvailable(address account);
    /// @notice Not slots of one period, more than the programme allows, or too early in the period for
    /// the hours that adjust the baseline.
    error BadWindow();
    /// @notice The event starts at `startsAt`, and the programme asks for more notice than is left.
    error NoticeTooShort(uint256 startsAt);
    /// @notice The account enrolled `capacityW`.
    error BeyondCapacity(uint256 capacityW);
    /// @notice The target is less than one Wh a slot, or more than a reading can say.
    error BadTarget(uint256 targetWh);
    /// @notice The account's part in the event is not in the state that the call needs.
    error WrongStatus(PartStatus status);
    /// @notice Refusals had to arrive by `deadline`.
    error RefusedTooLate(uint256 deadline);
    /// @notice The programme computes its baselines from meters.
    error BaselineIsComputed();
    error BaselinePublishedBefore(address account);
    /// @notice The programme publishes its baselines and none was published for the account.
    error BaselineNotPublished(address account);
    /// @notice The values are not one `int32` for each of the period's slots.
    error BadLength(uint256 length);
    /// @notice Reports had to arrive by `claimBy`.
    error ReportedTooLate(uint256 claimBy);
    /// @notice Only the account or the programme's owner may dispute.
    error NotParty(address caller);
    /// @notice Disputes had to arrive by `deadline`.
    error DisputedTooLate(uint256 deadline);
    /// @notice Rulings had to arrive by `deadline`; the report was kept.
    error ResolvedTooLate(uint256 deadline);
    /// @notice The report can still be disputed, or its dispute resolved, until `notBefore`.
    error NotSettleable(uint256 notBefore);
    /// @notice The part can still be reported, until `claimBy`.
    error NotLapsed(uint256 claimBy);

    // ------------------------------------------------------------------ the owner

    /// @notice Creates a programme of the caller, numbered from 1. Restricted (programme owner).
    function createProgramme(ProgrammeTerms calldata terms) external returns (uint32 programme);

    /// @notice Puts `amount` micro into the programme's escrow; anyone may, it is the owner's.
    function fund(uint32 programme, uint256 amount) external;

    /// @notice Takes out what open events cannot cost, into the owner's free balance in the ledger.
    function defund(uint32 programme, uint256 amount) external;

    /// @notice Calls an event, numbered from 1, at least the programme's notice before it starts.
    function callEvent(uint32 programme, uint32 period, uint16 firstSlot, uint16 slots)
        external
        returns (uint64 eventId);

    /// @notice Asks an enrolled account for `targetW` in every slot of the event, at least the notice
    /// before it starts. Reserves the slots of its meter and sets aside what the event may cost both.
    function instruct(uint64 eventId, address account, uint48 targetW) external;

    /// @notice Publishes the baseline of an instructed account, for programmes with published ones; once,
    /// and at least the notice before the start, so that the account can still refuse.
    /// @param values packed `int32` Wh of the period's slots, import positive
    function publishBaseline(uint64 eventId, address account, bytes calldata values) external;

    // ------------------------------------------------------------------ the account that responds

    /// @notice Enrols the caller with what it can move at most, and takes its bond:
    /// `ceil(capacityW * maxEventSlots * slotSeconds / 3600 * penalty / 1e6)` micro, which covers the
    /// longest event that delivers nothing.
    /// @param since the first period that may count as one of the caller's baseline days
    function enrol(uint32 programme, uint48 capacityW, uint32 since) external;

    /// @notice Raises the caller's bond, for events at the same time or after a penalty.
    function addBond(uint32 programme, uint256 amount) external;

    /// @notice Says whether the caller takes instructions; those it has already stay as they are.
    function setAvailable(uint32 programme, bool available) external;

    /// @notice Ends the caller's enrolment when it takes part in no open event; the bond returns into
    /// its free balance in the ledger.
    function leaveProgramme(uint32 programme) external;

    /// @notice Declines an instruction, until `refusalLead` before the start; nothing is owed.
    function refuse(uint64 eventId) external;

    // ------------------------------------------------------------------ after the event, anyone

    /// @notice Measures what the account did, once its reading is final and up to `claimBy`.
    function report(uint64 eventId, address account, Claim calldata claim) external;

    /// @notice Disputes a report: the account or the owner, up to `disputeWindow` after it, once.
    function dispute(uint64 eventId, address account) external;

    /// @notice Rules on a dispute, up to 3 days after it. Restricted (meter authority).
    function resolve(uint64 eventId, address account, Ruling ruling) external;

    /// @notice Pays the incentive into the account's free balance in the ledger and the penalty into the
    /// programme's escrow, once the report can no longer change.
    function settle(uint64 eventId, address account) external;

    /// @notice Returns what was set aside for a part that can no longer be reported: after `claimBy`, or
    /// because its baseline was not published in time.
    function lapse(uint64 eventId, address account) external;

    // ------------------------------------------------------------------ views

    /// @notice Seconds after a dispute in which it may be ruled on.
    function RULING_WINDOW() external view returns (uint256);

    function programmeOf(uint32 programme) external view returns (ProgrammeView memory);

    function programmeCount() external view returns (uint32);

    function enrolmentOf(uint32 programme, address account)
        external
        view
        returns (Enrolment memory);

    /// @notice The bond that `enrol` takes for a capacity, micro, rounded up.
    function bondFor(uint32 programme, uint48 capacityW) external view returns (uint256);

    function eventOf(uint64 eventId) external view returns (EventWindow memory);

    function eventCount() external view returns (uint64);

    function participationOf(uint64 eventId, address account)
        external
        view
        returns (Participation memory);

    /// @notice Escrows and bonds of all programmes in `asset`, micro.
    function held(address asset) external view returns (uint256);
}
