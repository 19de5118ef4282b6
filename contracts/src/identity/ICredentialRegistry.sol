// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Registry of issuers, role credentials and their revocation
/// @notice Answers one question: did `subject` hold `role` at a given second? Rounds ask it for their
/// gate after the fact, so what it says about the past never changes:
///
/// - a grant begins when it is made, and while it lives it is only extended;
/// - it ends once: at its expiry, its revocation, the end of its issuer's accreditation or the
///   deactivation of the subject's DID, whichever is first;
/// - a new grant of the same role to the same subject waits REGRANT_DELAY after that end, which is
///   as long as a round may take to settle;
/// - an accreditation that was taken away does not come back: the issuer takes a new key.
///
/// Credentials are known by the hash of their content. Signature bytes play no part, so a signature
/// that is written another way cannot escape a revocation.
interface ICredentialRegistry {
    /// @dev Times in seconds, UTC. `revokedAt` is 0 while not revoked.
    struct GrantView {
        bytes32 credentialHash;
        address issuer;
        uint32 validFrom;
        uint32 expiresAt;
        uint32 revokedAt;
    }

    event IssuerAccredited(address indexed issuer, bytes32 indexed role);
    event AccreditationRemoved(address indexed issuer, bytes32 indexed role, uint256 time);
    event Granted(
        bytes32 indexed credentialHash,
        address indexed subject,
        bytes32 indexed role,
        address issuer,
        uint256 validFrom,
        uint256 expiresAt
    );
    event Revoked(bytes32 indexed credentialHash, uint256 time);

    /// @notice A zero issuer, role, subject or credential hash.
    error ZeroValue();
    /// @notice `issuer` was accredited for `role` before; that is done once.
    error AlreadyAccredited(address issuer, bytes32 role);
    /// @notice `issuer` is not accredited for `role` now.
    error NotAccredited(address issuer, bytes32 role);
    /// @notice The credential hash was used for a grant before.
    error CredentialHashUsed(bytes32 credentialHash);
    /// @notice The expiry is not in the future, or after the last second of 32 bits.
    error BadExpiry(uint256 expiresAt);
    /// @notice The subject's DID is deactivated.
    error SubjectDeactivated(address subject);
    /// @notice A live grant is extended by its own issuer only.
    error GrantedByAnother(address issuer);
    /// @notice A live grant is never shortened; revoke it instead. `expiresAt` is what it has.
    error NotAnExtension(uint256 expiresAt);
    /// @notice After a grant's end a new one waits until `notBefore`.
    error RegrantTooSoon(uint256 notBefore);
    /// @notice No grant rests on this credential hash: it is unknown, or was superseded by another.
    error CredentialNotCurrent(bytes32 credentialHash);
    /// @notice The grant has already ended.
    error GrantEnded(bytes32 credentialHash);

    /// @notice Seconds between the end of a grant and a new one for the same subject and role.
    function REGRANT_DELAY() external view returns (uint256);

    /// @notice Lets `issuer` grant `role`. Restricted (registrar).
    function accredit(address issuer, bytes32 role) external;

    /// @notice Ends an accreditation, and with it every grant that rests on it, for good. Restricted.
    function removeAccreditation(address issuer, bytes32 role) external;

    /// @notice Grants `role` to `subject` until `expiresAt` (excluded), or extends the caller's own
    /// live grant to it. Only an accredited issuer.
    /// @param credentialHash hash of the credential's content; each is used once
    function grant(bytes32 credentialHash, address subject, bytes32 role, uint256 expiresAt) external;

    /// @notice Ends the grant that rests on `credentialHash` now. Its issuer, or the registrar.
    function revoke(bytes32 credentialHash) external;

    /// @notice Whether `subject` held `role` at the second `time`:
    /// `validFrom <= time < min(expiresAt, revokedAt, end of accreditation, deactivation)`.
    /// Three cold reads.
    function standing(address subject, bytes32 role, uint256 time) external view returns (bool);

    /// @notice The last grant of `role` to `subject`; all zero if there was none.
    function grantOf(address subject, bytes32 role) external view returns (GrantView memory);

    /// @notice Whose credential this is, and for which role; zero if unknown.
    function credentialOf(bytes32 credentialHash) external view returns (address subject, bytes32 role);

    /// @notice When `issuer` became accredited for `role`, and when that ended (0: not).
    function accreditationOf(address issuer, bytes32 role)
        external
        view
        returns (uint256 since, uint256 endedAt);
}
