"""What to do when the certificates' contract refuses, by the name of its error."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from wattproof.errors import Advice

ADVICE: Mapping[str, Advice] = MappingProxyType(
    {
        "ERC1155InsufficientBalance": Advice(
            "beyond_holding",
            "the figures are holder, held, named, certificate: name at most what is held (GET "
            "/certificates/holdings); what was offered or not collected is not held",
        ),
        "ERC1155MissingApprovalForAll": Advice(
            "not_approved", "the holder approves first: POST /certificates/approval"
        ),
        "ERC1155InvalidReceiver": Advice(
            "bad_receiver",
            "that address takes no certificates; to sell, offer them: POST /certificates/offers",
        ),
        "CertificateExpired": Advice(
            "expired",
            "what has expired can only be taken out of circulation: POST /certificates/expiry",
        ),
        "NotExpired": Advice("not_expired", "leave it out of the list, or wait until then"),
        "MarketFrozen": Advice(
            "frozen", "a round of the market is being settled; send it again when that is over"
        ),
        "NotBound": Advice(
            "other_class", "GET /certificates/classes lists the markets that trade certificates"
        ),
        "OtherClass": Advice(
            "other_class",
            "the market trades one technology and zone, and its slot is 18 more than the vintage "
            "(GET /certificates/classes); leave this certificate out",
        ),
        "InsufficientOffer": Advice("beyond_offer", "recall at most what is offered"),
        "OfferTooLarge": Advice("beyond_offer", "nobody has so many certificates; name fewer"),
        "RecallPending": Advice(
            "recall_pending", "complete the recall first: POST /certificates/offers/recall/complete"
        ),
        "NoRecallPending": Advice(
            "no_recall", "announce it first: POST /certificates/offers/recall"
        ),
        "RecallNotDue": Advice(
            "too_early", "an earlier round may still sell it; send it again when that is over"
        ),
        "NothingToCollect": Advice(
            "nothing_to_collect", "GET /certificates/me lists what is to be collected, and where"
        ),
        "NothingToIssue": Advice(
            "nothing_to_issue", "the reading shows no production here that was not issued before"
        ),
        "BadSlots": Advice("bad_slots", "name slots of a period, counted from 0, at least one"),
        "OutsideRegistration": Advice(
            "not_certified", "GET /certificates/devices says from and until when a device counts"
        ),
        "NotCertified": Advice(
            "not_certified", "producers are issued for, stores accounted; this is neither here"
        ),
        "DeviceKnown": Advice("known", "correct it, or withdraw it; a device is certified once"),
        "UnknownDevice": Advice(
            "unknown_device", "the meter registry has no such device: POST /devices registers one"
        ),
        "BadDevice": Advice(
            "bad_device",
            "a producer has a technology from 1 on; a store an efficiency from 1 to 10,000 and a "
            "capacity",
        ),
        "PeriodBegan": Advice("too_late", "name a period that has not begun"),
        "IssuedBefore": Advice(
            "issued_before",
            "certificates say it already; withdraw the device and certify another meter",
        ),
        "WithdrawnBefore": Advice("known", "its registration ends then; that does not change"),
        "NotOwner": Advice("not_yours", "only the account of the store's meter accounts it"),
        "PeriodOutOfOrder": Advice(
            "out_of_order", "the figure is the period that is next; account that one first"
        ),
        "ChargesOutOfOrder": Advice("bad_charges", "give charges in ascending order of slots"),
        "BeyondCharge": Advice(
            "bad_charges",
            "the figures are the slot and the Wh charged in it; give fewer certificates for it",
        ),
        "NotSimultaneous": Advice(
            "bad_charges",
            "its interval must begin in the slot that it is given for, in the store's zone; GET "
            "/certificates/devices/{device}/charges/suggestion lists yours that fit",
        ),
        "TooManyTechnologies": Advice(
            "bad_charges", "leave a technology out; discharging makes room for another"
        ),
        "BoundBefore": Advice("known", "a market trades one class, for ever"),
        "NotTradable": Advice(
            "not_tradable",
            "the market must have this contract as its capacity source and slots of 30 days",
        ),
    }
)
