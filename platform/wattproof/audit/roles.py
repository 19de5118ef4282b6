"""Who may do what: administrative roles, identities, credentials, battery passports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from market.reference.identity import Grant
from wattproof.audit.findings import Mismatch
from wattproof.audit.history import Entry
from wattproof.audit.money import Handler
from wattproof.audit.state import Member, Passport, State

_NOBODY = "0x" + "00" * 20


def role_granted(state: State, entry: Entry) -> None:
    """A new member counts from ``since`` on; of a known one it says from when the delay does."""
    args = entry.event.args
    key = args["roleId"], args["account"]
    if args["newMember"]:
        state.authority[key] = Member(args["since"], args["delay"])
        return
    known = state.authority[key]
    state.authority[key] = Member(
        known.since, args["delay"], known.delay_at(entry.time), args["since"]
    )


def role_revoked(state: State, entry: Entry) -> None:
    args = entry.event.args
    state.authority.pop((args["roleId"], args["account"]), None)


def function_restricted(state: State, entry: Entry) -> None:
    """Who may call a function: role 0, the administrator's, until something else is said."""
    args = entry.event.args
    state.restricted[args["target"], args["selector"]] = args["roleId"]


def owner_changed(state: State, entry: Entry) -> None:
    identity, owner = entry.event.args["identity"], entry.event.args["owner"]
    if identity in state.deactivated:
        raise Mismatch(
            "DidRegistry.DIDOwnerChanged", identity, "owner", "a deactivated identity came back"
        )
    if owner == _NOBODY:
        state.deactivated[identity] = entry.time
        state.owners.pop(identity, None)
    else:
        state.owners[identity] = owner


def issuer_accredited(state: State, entry: Entry) -> None:
    args = entry.event.args
    state.accredited[args["issuer"], args["role"]] = entry.time


def accreditation_removed(state: State, entry: Entry) -> None:
    args = entry.event.args
    state.accreditation_ended[args["issuer"], args["role"]] = args["time"]


def granted(state: State, entry: Entry) -> None:
    args = entry.event.args
    credential = args["credentialHash"]
    if credential in state.credentials:
        raise Mismatch(
            "CredentialRegistry.Granted", "0x" + credential.hex(), "hash", "was used before"
        )
    key = args["subject"], args["role"]
    state.credentials[credential] = key
    state.grants[key] = Grant(credential, args["issuer"], args["validFrom"], args["expiresAt"])


def revoked(state: State, entry: Entry) -> None:
    key = state.credentials[entry.event.args["credentialHash"]]
    state.grants[key] = replace(state.grants[key], revoked_at=entry.event.args["time"])


def battery_attested(state: State, entry: Entry) -> None:
    args = entry.event.args
    state.passports[args["batteryId"]] = Passport(
        args["owner"], args["capacityWh"], args["sohBp"], args["cyclesPerDayMilli"]
    )


def battery_retired(state: State, entry: Entry) -> None:
    battery = entry.event.args["batteryId"]
    state.passports[battery] = replace(state.passports[battery], retired=True)


HANDLERS: Mapping[tuple[str, str], Handler] = {
    ("Authority", "RoleGranted"): role_granted,
    ("Authority", "RoleRevoked"): role_revoked,
    ("Authority", "TargetFunctionRoleUpdated"): function_restricted,
    ("DidRegistry", "DIDOwnerChanged"): owner_changed,
    ("CredentialRegistry", "IssuerAccredited"): issuer_accredited,
    ("CredentialRegistry", "AccreditationRemoved"): accreditation_removed,
    ("CredentialRegistry", "Granted"): granted,
    ("CredentialRegistry", "Revoked"): revoked,
    ("BatteryPassport", "BatteryAttested"): battery_attested,
    ("BatteryPassport", "BatteryRetired"): battery_retired,
}
