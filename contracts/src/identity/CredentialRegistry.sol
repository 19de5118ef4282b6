// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {ICredentialRegistry} from "./ICredentialRegistry.sol";
import {IDidRegistry} from "./IDidRegistry.sol";

/// @title Registry of issuers, role credentials and their revocation; see ICredentialRegistry
contract CredentialRegistry is ICredentialRegistry, AccessManaged {
    uint256 public constant REGRANT_DELAY = 1 days;

    /// @dev One word: `standing` reads it once.
    struct Grant {
        address issuer;
        uint32 validFrom;
        uint32 expiresAt;
        uint32 revokedAt;
    }

    struct Accreditation {
        uint48 since;
        uint48 endedAt;
    }

    struct Credential {
        address subject;
        bytes32 role;
    }

    IDidRegistry public immutable dids;

    mapping(address subject => mapping(bytes32 role => Grant)) private _grants;
    mapping(address subject => mapping(bytes32 role => bytes32)) private _currentHash;
    mapping(address issuer => mapping(bytes32 role => Accreditation)) private _accreditations;
    mapping(bytes32 credentialHash => Credential) private _credentials;

    /// @param manager the AccessManager that knows the registrar
    /// @param dids_ where deactivated identities are found
    constructor(address manager, address dids_) AccessManaged(manager) {
        dids = IDidRegistry(dids_);
    }

    function accredit(address issuer, bytes32 role) external restricted {
        if (issuer == address(0) || role == 0) revert ZeroValue();
        Accreditation storage accreditation = _accreditations[issuer][role];
        if (accreditation.since != 0) revert AlreadyAccredited(issuer, role);
        accreditation.since = uint48(block.timestamp);
        emit IssuerAccredited(issuer, role);
    }

    function removeAccreditation(address issuer, bytes32 role) external restricted {
        _requireAccredited(issuer, role);
        _accreditations[issuer][role].endedAt = uint48(block.timestamp);
        emit AccreditationRemoved(issuer, role, block.timestamp);
    }

    function grant(bytes32 credentialHash, address subject, bytes32 role, uint256 expiresAt) external {
        if (credentialHash == 0 || subject == address(0)) revert ZeroValue();
        _requireAccredited(msg.sender, role);
        if (_credentials[credentialHash].subject != address(0)) {
            revert CredentialHashUsed(credentialHash);
        }
        if (expiresAt <= block.timestamp || expiresAt > type(uint32).max) revert BadExpiry(expiresAt);
        if (dids.deactivatedAt(subject) != 0) revert SubjectDeactivated(subject);

        Grant memory current = _grants[subject][role];
        uint256 end = _endOf(current, role);
        if (block.timestamp < end) {
            if (current.issuer != msg.sender) revert GrantedByAnother(current.issuer);
            if (expiresAt <= current.expiresAt) revert NotAnExtension(current.expiresAt);
        } else {
            if (current.issuer != address(0) && block.timestamp < end + REGRANT_DELAY) {
                revert RegrantTooSoon(end + REGRANT_DELAY);
            }
            current = Grant(msg.sender, uint32(block.timestamp), 0, 0);
        }
        current.expiresAt = uint32(expiresAt);

        _grants[subject][role] = current;
        _currentHash[subject][role] = credentialHash;
        _credentials[credentialHash] = Credential(subject, role);
        emit Granted(credentialHash, subject, role, msg.sender, current.validFrom, expiresAt);
    }

    function revoke(bytes32 credentialHash) external {
        Credential memory credential = _credentials[credentialHash];
        if (
            credential.subject == address(0)
                || _currentHash[credential.subject][credential.role] != credentialHash
        ) revert CredentialNotCurrent(credentialHash);
        Grant storage current = _grants[credential.subject][credential.role];
        if (msg.sender != current.issuer) _checkCanCall(msg.sender, msg.data);
        if (block.timestamp >= _endOf(current, credential.role)) revert GrantEnded(credentialHash);
        current.revokedAt = uint32(block.timestamp);
        emit Revoked(credentialHash, block.timestamp);
    }

    function standing(address subject, bytes32 role, uint256 time) external view returns (bool) {
        Grant memory current = _grants[subject][role];
        if (time < current.validFrom || time >= _endOf(current, role)) return false;
        uint256 deactivatedAt = dids.deactivatedAt(subject);
        return deactivatedAt == 0 || time < deactivatedAt;
    }

    function grantOf(address subject, bytes32 role) external view returns (GrantView memory) {
        Grant memory current = _grants[subject][role];
        return GrantView(
            _currentHash[subject][role],
            current.issuer,
            current.validFrom,
            current.expiresAt,
            current.revokedAt
        );
    }

    function credentialOf(bytes32 credentialHash) external view returns (address subject, bytes32 role) {
        Credential memory credential = _credentials[credentialHash];
        return (credential.subject, credential.role);
    }

    function accreditationOf(address issuer, bytes32 role)
        external
        view
        returns (uint256 since, uint256 endedAt)
    {
        Accreditation memory accreditation = _accreditations[issuer][role];
        return (accreditation.since, accreditation.endedAt);
    }

    /// @dev First second in which the grant no longer stands, its subject's DID apart; 0 for no grant.
    function _endOf(Grant memory current, bytes32 role) private view returns (uint256 end) {
        end = current.expiresAt;
        if (current.revokedAt != 0 && current.revokedAt < end) end = current.revokedAt;
        uint256 accreditationEnd = _accreditations[current.issuer][role].endedAt;
        if (accreditationEnd != 0 && accreditationEnd < end) end = accreditationEnd;
    }

    function _requireAccredited(address issuer, bytes32 role) private view {
        Accreditation memory accreditation = _accreditations[issuer][role];
        if (accreditation.since == 0 || accreditation.endedAt != 0) revert NotAccredited(issuer, role);
    }
}
