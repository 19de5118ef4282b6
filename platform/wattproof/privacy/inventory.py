"""Every table of the platform: whether it holds data about people, what for, and how it ends.

A table without an entry fails a test, and so does a column that could hold an address and is not
spoken of. `docs/privacy.md` says the same in words; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import ColumnElement, MetaData, and_, exists

from wattproof.privacy.held import Declared, Fate, Held, Impersonal

_SECRET: Final = "lets whoever has it act for you, or check guesses of it"
_CONTRACT: Final = "a contract's"
_COPY: Final = "The chain has it; without it the platform could not settle or be audited."


def _in_ones_plans(metadata: MetaData, address: str) -> ColumnElement[bool]:
    """Documents that a step of one of the participant's plans refers to."""
    plan, step = metadata.tables["dispatch_plan"], metadata.tables["dispatch_step"]
    document = metadata.tables["dispatch_document"]
    return exists().where(
        plan.c.participant == address,
        step.c.dispatch == plan.c.id,
        step.c.payload.contains(document.c.hash),
    )


def _learnt_by(metadata: MetaData, address: str) -> ColumnElement[bool]:
    """What somebody was shown for itself, not for the market."""
    shown = metadata.tables["presentation"]
    return and_(shown.c.asker == address, ~shown.c.to_market)


TABLES: Final[Mapping[str, Declared]] = {
    # -- what the platform alone knows ---------------------------------------------------------
    "participant": Held(
        "Who registered, under what name, for which role.",
        Fate.ERASED,
        "Nothing needs it: roles stand on the chain.",
        owners=("address",),
    ),
    "verifiable_credential": Held(
        "Credentials that the platform's issuer signed, in every form, for their holder to fetch.",
        Fate.REDUCED,
        "The documents go; the holder has its own. What stays, for good, is what revokes it: its "
        "hash, role and place in the list of revocations, which are public.",
        owners=("address",),
    ),
    "presentation": Held(
        "What a holder showed to somebody who asked, claim by claim.",
        Fate.ERASED,
        "Nothing needs it: neither what you showed nor what you were shown.",
        owners=("address",),
        found_by=_learnt_by,
        others={"asker": "who asked; it is the only one who sees it, with you"},
    ),
    "presentation_request": Held(
        "What you asked holders to show.",
        Fate.ERASED,
        "Nothing needs it; who answers later is told that nobody asked.",
        owners=("asker",),
        hidden={"nonce": "whoever has it can use the request up"},
    ),
    "profile_credential": Held(
        "Credentials that you put into your profile.",
        Fate.ERASED,
        "Nothing needs it; you have them.",
        owners=("owner",),
    ),
    "profile_consent": Held(
        "Who may read your profile, for what, until when, and who might once.",
        Fate.ERASED,
        "Nothing needs it; nobody may read your profile any more.",
        owners=("owner",),
        hidden={"nonce": "lets whoever has it check guesses of the consent's hash"},
        others={"audience": "whom you let read"},
    ),
    "profile_reading": Held(
        "Who read your profile, when, for what.",
        Fate.ERASED,
        "It is kept for you alone.",
        owners=("owner",),
        others={"reader": "who read it"},
    ),
    "auth_nonce": Held(
        "Sign-ins that were asked for; five minutes.",
        Fate.ERASED,
        "Nothing needs it.",
        owners=("address",),
        hidden={"nonce": _SECRET},
    ),
    "auth_session": Held(
        "Who is signed in; fifteen minutes.",
        Fate.ERASED,
        "Nothing needs it; you are signed out.",
        owners=("address",),
        hidden={"token_hash": _SECRET},
    ),
    "auth_family": Held(
        "Sessions that can be renewed; thirty days.",
        Fate.ERASED,
        "Nothing needs it.",
        owners=("address",),
    ),
    "auth_refresh": Held(
        "Refresh tokens, used and unused, so that a copied one is noticed; thirty days.",
        Fate.ERASED,
        "Nothing needs it.",
        through=(("family", "auth_family", "id"),),
        hidden={"token_hash": _SECRET},
    ),
    "auth_api_key": Held(
        "Keys of your machines, revoked and expired ones too, until you erase them.",
        Fate.ERASED,
        "Nothing needs it; your machines are locked out.",
        owners=("address",),
        hidden={"secret_hash": _SECRET},
    ),
    "comfort_venue": Held(
        "Buildings whose customers vote, for their manager.",
        Fate.ERASED,
        "Nothing needs it; its link stops working.",
        owners=("owner",),
        hidden={"salt": "keeps the day's voters apart and unknown"},
    ),
    "idempotency": Held(
        "Answers to writes, so that a write sent twice has one effect.",
        Fate.REDUCED,
        "The answer, the request's hash and your name for it go; that a write was made stays, for "
        "good, so that an old request sent again moves no money twice.",
        owners=("address",),
    ),
    "signed_order": Held(
        "Orders, receipts and cancellations.",
        Fate.LATER,
        "Until its round is closed or void an order counts. Afterwards what is in no settled book "
        "is deleted; of a settled one, which the chain has, the receipt and its time are. What a "
        "plan of dispatch refers to waits for that plan.",
        owners=("trader",),
        others={"delegate": "who signed for you; it sees these orders too"},
    ),
    "kept_cancellation": Held(
        "Cancellations of erased orders of settled rounds.",
        Fate.KEPT,
        "Nothing limits when somebody claims that a cancelled order was left out (protocol, "
        "section 6); without your signature the operator would have to pay. Kept for good: the "
        "order's hash, market, round and the signature, nothing of what it was about.",
        owners=("trader",),
    ),
    "dispatch_plan": Held(
        "Plans of dispatch for your assets.",
        Fate.LATER,
        "Who instructed what, on which grounds, can be disputed for a year after the period "
        "(WATTPROOF_KEEP_DISPATCH_DAYS); then the plan goes with its steps and documents.",
        owners=("participant",),
    ),
    "dispatch_step": Held(
        "What was done to a plan, by whom: proposals, edits, approvals, instructions.",
        Fate.LATER,
        "Goes with its plan. What you did as a dispatcher to others' plans goes with theirs.",
        owners=("actor",),
        through=(("dispatch", "dispatch_plan", "id"),),
    ),
    "dispatch_document": Held(
        "Inputs and plans in full: stays of vehicles, forecasts, what was measured.",
        Fate.LATER,
        "Goes with its plan.",
        found_by=_in_ones_plans,
    ),
    "dispatch_order": Held(
        "Which orders were made from which plan.",
        Fate.LATER,
        "Goes with its plan.",
        through=(("dispatch", "dispatch_plan", "id"),),
    ),
    "outbox": Held(
        "Transactions that the platform sent for you, or passed on.",
        Fate.KEPT,
        "Looked up so that nothing is sent twice, for good. What was mined is on the chain.",
        owners=("signer",),
        mentions="key",
        others={"to": _CONTRACT},
    ),
    "outbox_attempt": Held(
        "The same as signed bytes.",
        Fate.KEPT,
        "As above.",
        through=(("outbox_id", "outbox", "id"),),
    ),
    "relayed_change": Held(
        "Signed changes of identities and delegates that the operator passed on and paid for.",
        Fate.KEPT,
        "So that a change is passed on and paid for once, for good; what it changed is on the "
        "chain.",
        owners=("identity", "controller", "caller"),
    ),
    "relay_allowance": Held(
        "How many changes were passed on for somebody on a day.",
        Fate.LATER,
        "A day's number goes when the day is over, or erasing would begin the day anew.",
        owners=("caller",),
    ),
    "analytics_release": Held(
        "Sums of many accounts' readings, with noise, and which analyst asked for them. Of whose "
        "readings they are nobody can tell.",
        Fate.KEPT,
        "The same question gets the same answer, for good: another one would tell more.",
        owners=("asked_by",),
    ),
    "analytics_charge": Held(
        "What each release of sums cost your readings in privacy.",
        Fate.KEPT,
        "It protects you: without it your readings could be asked about anew. Kept for good.",
        owners=("account",),
    ),
    "erasure": Held(
        "That you asked for erasure, when, and what is still to go.",
        Fate.KEPT,
        "It is what makes the rest go in time, tells the audit what is gone, and leaves your "
        "readings out of new aggregates. Kept for good.",
        owners=("address",),
    ),
    # -- copies of what is on the chain --------------------------------------------------------
    "chain_event": Held("Events of the contracts, as indexed.", Fate.CHAIN, _COPY, mentions="args"),
    "market": Held(
        "Markets, with the accounts of their operator and balancing.",
        Fate.CHAIN,
        _COPY,
        owners=("operator", "balancing"),
        others={"asset": _CONTRACT},
    ),
    "trader_facts": Held(
        "What counted of a trader at a gate.", Fate.CHAIN, _COPY, owners=("trader",)
    ),
    "delegate_session": Held(
        "Who signs an account's orders, within which bounds.",
        Fate.CHAIN,
        _COPY,
        owners=("account",),
        others={"delegate": "who signs for the account"},
    ),
    "delegate_named": Held(
        "Whom an account ever named to sign its orders.",
        Fate.CHAIN,
        _COPY,
        owners=("account",),
        others={"delegate": "who was named"},
    ),
    "balance_free": Held(
        "What an account may withdraw.",
        Fate.CHAIN,
        _COPY,
        owners=("account",),
        others={"asset": _CONTRACT},
    ),
    "balance_market": Held("Margins, exits and bonds.", Fate.CHAIN, _COPY, owners=("account",)),
    "credential": Held(
        "Role grants.",
        Fate.CHAIN,
        _COPY,
        owners=("subject",),
        others={"issuer": "the issuer's"},
    ),
    "device": Held(
        "Meters and whose they are.",
        Fate.CHAIN,
        _COPY,
        owners=("account",),
        others={"device": "the meter's first key", "key": "the meter's key"},
    ),
    "reading": Held(
        "What your meters measured, a value a slot.",
        Fate.CHAIN,
        f"{_COPY} One that never reached the chain is deleted when it no longer can.",
        through=(("device", "device", "device"),),
        others={"device": "the meter's first key"},
    ),
    "closure": Held("What a deviation cost.", Fate.CHAIN, _COPY, owners=("account",)),
    "certified_device": Held(
        "Devices for which certificates are issued.",
        Fate.CHAIN,
        _COPY,
        through=(("device", "device", "device"),),
        others={"device": "the meter's first key"},
    ),
    "certificate_batch": Held(
        "Certificates of an interval.",
        Fate.CHAIN,
        _COPY,
        owners=("issued_to",),
        through=(("device", "device", "device"),),
        others={"device": "the meter's first key"},
    ),
    "certificate_holding": Held("Certificates held.", Fate.CHAIN, _COPY, owners=("account",)),
    "certificate_place": Held(
        "Certificates offered and bought.", Fate.CHAIN, _COPY, owners=("account",)
    ),
    "quota_obligation": Held(
        "What an account owes under a quota.",
        Fate.CHAIN,
        _COPY,
        owners=("account",),
        others={"device": "the meter's first key"},
    ),
    "quota_report": Held(
        "Energy of a period, reported for a quota.", Fate.CHAIN, _COPY, owners=("account",)
    ),
    "status_list": Impersonal(
        "Lists of revocations, published and signed by their issuers.",
        others={"issuer": "the issuer's, in the published list"},
    ),
    "status_entry": Impersonal(
        "Numbers in those lists; whose they are, only the holder's document says.",
        others={"issuer": "the issuer's, in the published list"},
    ),
    # -- nothing about a person ----------------------------------------------------------------
    "profile_consent_taken": Impersonal(
        "Hashes of signed consents that were handed in, for half an hour, so that none is taken "
        "twice. A consent has 256 random bits, so nobody guesses it from its hash."
    ),
    "installation": Impersonal("Which chain the database belongs to."),
    "block": Impersonal("Numbers, hashes and times of blocks."),
    "signer": Impersonal(
        "Counters of the platform's signing keys.", others={"address": "the platform's own"}
    ),
    "balance_asset": Impersonal("Totals of an asset.", others={"asset": _CONTRACT}),
    "round": Impersonal("Rounds and their totals."),
    "price": Impersonal("One price a product, the same for all."),
    "settlement_chunk": Impersonal(
        "Call data of settlements of many traders at once, as it goes to the chain; what is in it "
        "about one of them stands in signed_order."
    ),
    "analytics_lock": Impersonal("One row that says nothing."),
    "network_description": Impersonal("Lines and zones of a network."),
    "certificate_pool": Impersonal("How many certificates are for sale."),
    "comfort_vote": Impersonal(
        "Seven possible answers, beside a hash of a number that a phone made up, another one each "
        "day: nobody can say whose it is, so nobody can be given it. Goes with its venue."
    ),
}
