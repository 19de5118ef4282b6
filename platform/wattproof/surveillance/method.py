"""How the report measures, and what it cannot see, in sentences for its readers."""

from __future__ import annotations

from market.surveillance import cancelled, identities, supply, wash, withholding
from market.surveillance.concentration import HIGHLY_CONCENTRATED
from market.surveillance.findings import CROSSING_SHARE, IDLE_AT_PROFIT, MARKUP_EFFECT
from market.surveillance.wording import percent

METHOD = (
    "Lerner index (Lerner 1934): (price - marginal cost) / price, weighted by what was sold. With "
    "declared costs the marginal cost a + b q at what was sold in the slot; without, the dearest "
    "filled ask of the seller, which gives a lower bound. Prices of 0 or less have no index.",
    "Residual supply index (Sheffrin 2001, California ISO): (all that was offered - own offer) / "
    "energy bought at the settled price, product by product. Below 1 the seller is pivotal "
    "(FERC Order 697).",
    "Being pivotal matters, and is a finding, where without the seller the price would rise by "
    f"{percent(supply.PRICE_RISE)} or more, or {percent(supply.UNSERVED)} or more of the demand "
    "would not be served: where all supply is used the smallest seller is pivotal as well.",
    "Prices without a seller, and with it at its declared cost: the product's orders cleared again "
    "by the rule that settled them; for sellers that were pivotal or sold "
    f"{percent(supply.RECLEARED_SHARE)} or more of the product. A mark-up is a finding where it "
    f"made the mean price {percent(MARKUP_EFFECT)} dearer. A high index of a cheap producer alone "
    "is its rent and no finding.",
    "Concentration: Herfindahl-Hirschman index, 0 to 10,000; above "
    f"{HIGHLY_CONCENTRATED:,} a market is highly concentrated (Merger Guidelines of the U.S. "
    "Department of Justice and the FTC, 2023).",
    "Wash trades (ACER Guidance Note 1/2017 on REMIT, articles 2(2) and 5): a call auction has no "
    "counterparties, so of what related accounts bought and sold in one product and round the "
    "lesser counts: that much they could have left untraded without a change of their position. "
    "Pro rata is bought x sold / traded, what an even split of the pool would match among them. "
    "The price without it: the lesser amount taken off their dearest bids and cheapest asks. One "
    "account alone that crossed its own orders is a finding from "
    f"{percent(CROSSING_SHARE)} of the market's trade on: who produces and consumes may bid both.",
    "Round trips: in every round what one sold is attributed to buyers in proportion; named are "
    "pairs for whom there and back is "
    f"{percent(wash.ROUND_TRIP_SHARE)} or more of all they traded of these products, in "
    f"{wash.ROUND_TRIP_PRODUCTS} products or more.",
    "Certificates kept back: the lesser of what was held when the round opened and at its gate, "
    "less what the holder itself owes, less what it offered at or below the reference price and "
    f"{percent(withholding.TOLERANCE)} above it. Reference: its declared cost, else the class's "
    "last price. A finding needs half of it kept back, bids of others at the reference unserved or "
    f"others' obligations due, {percent(withholding.SHARE)} or more of the class, and "
    f"{withholding.PERSISTENT} rounds or more.",
    "Idle output: what a meter could have measured in a slot less what was offered and sold "
    "before; a finding only at prices above the declared cost and from "
    f"{percent(IDLE_AT_PROFIT)} on.",
    "Cancellations: orders in committed books that fell because their trader had bumped its epoch; "
    f"a finding in {cancelled.REPEATED} rounds or more and half of those it took part in.",
    "Related accounts: links shown by transactions, weighted by kind; what two addresses did "
    "toward each other adds up as independent evidence, from "
    f"{percent(identities.JOIN_AT)} on they are joined. An address with links of a kind to more "
    f"than {identities.HUB_DEGREE} others, or with an office, joins nobody by that kind; ownership "
    "always joins.",
)

LIMITS = (
    "A finding is a question, not a verdict. All of it can have an honest reason: a forecast that "
    "changed, a plant that stood still, a custodian that owns its customers' identities.",
    "It sees accounts, not people. Who uses unlinked keys, or pays so many that it counts as a "
    "hub, is not joined; declare groups in a file where other sources know them.",
    "A link can be made to accuse somebody: anybody may name another's wallet as the owner of its "
    "identity, or pay it. Findings say of whom all links were made by others; look at the rest.",
    "Demand is what was bought at the settled price; a bid below it counts as not wanting.",
    "Orders of several legs (converters, stores, networks) count as offers of what they would "
    "give, in full; products they touch are not cleared again, and no wash trade is seen in them.",
    "A meter's capacity is not what the weather or the plant allowed.",
    "Cancellations signed off-chain are not in the book and leave no trace on the chain.",
    "What others owe is counted once its compliance period is over; what one owes oneself from the "
    "readings as they were posted, a disputed one included until it is reported to the quota.",
    "The weights of links and the thresholds are judgement. They stand in this text and in the "
    "code, and are the same for everybody.",
)
