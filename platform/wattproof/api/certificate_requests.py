"""Green certificates as requests carry them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from wattproof.api.fields import Address, Uint32
from wattproof.certificates.ids import ID_BITS
from wattproof.certificates.transactions import MOST_BATCHES, Amount, Charge


def _fits(text: str) -> str:
    if int(text) >> ID_BITS:
        raise ValueError("a certificate's id is below 2^216; see GET /certificates/batches")
    return text


BatchNumber = Annotated[
    str,
    Field(
        pattern=r"^[1-9][0-9]{0,65}$",
        description="ERC-1155 id: device << 56 | period << 24 | slot << 8 | technology, decimal.",
        examples=["72057594037927936000000000000000000000000000000000000000001"],
    ),
    AfterValidator(_fits),
]
Wh = Annotated[int, Field(strict=True, ge=1, le=2**63 - 1, examples=[1_200])]
Technology = Annotated[int, Field(strict=True, ge=1, le=255, examples=[1])]
Zone = Annotated[int, Field(strict=True, ge=0, le=2**16 - 1, examples=[0])]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CertificateAmount(_Body):
    batch: BatchNumber
    amount_wh: Wh


Amounts = Annotated[list[CertificateAmount], Field(min_length=1, max_length=MOST_BATCHES)]


class Certificates(_Body):
    certificates: Amounts


class Transfer(Certificates):
    to: Address


class Retirement(Certificates):
    beneficiary: Address | None = Field(
        default=None, description="For whom they are claimed; yourself if left out."
    )
    purpose: str = Field(
        min_length=1,
        max_length=500,
        description="What they are claimed for; it is on the chain for ever.",
        examples=["office in Graz, March 2027"],
    )


class Approval(_Body):
    approved: bool = Field(strict=True, description="False takes the approval back.")


class Place(_Body):
    market: Uint32 = Field(examples=[2], description="A market that trades certificates.")
    slot: Uint32 = Field(
        examples=[708], description="The market's slot: 18 more than the vintage it trades."
    )


class Offer(Place):
    certificates: Amounts


class Recall(Place):
    amount_wh: Wh


class Collection(Place):
    holder: Address | None = Field(default=None, description="Yourself if left out.")
    most: int = Field(default=64, strict=True, ge=1, le=MOST_BATCHES, description="Batches.")


class Expiry(_Body):
    holder: Address | None = Field(default=None, description="Yourself if left out.")
    batches: list[BatchNumber] = Field(min_length=1, max_length=MOST_BATCHES)


class ChargeIn(CertificateAmount):
    slot: int = Field(strict=True, ge=0, le=255, description="Counted in the period.")


class Accounting(_Body):
    period: Uint32
    charges: list[ChargeIn] = Field(
        max_length=MOST_BATCHES, description="Certificates for what was charged; may be empty."
    )


class Issue(_Body):
    period: Uint32
    first_slot: int = Field(default=0, strict=True, ge=0, le=255)
    slots: int | None = Field(
        default=None, strict=True, ge=1, le=256, description="Left out: as many as fit."
    )


class NewProducer(_Body):
    kind: Literal["producer"]
    device: Address
    technology: Technology
    zone: Zone
    from_period: Uint32 = Field(description="One that has not begun.")


class NewStore(_Body):
    kind: Literal["store"]
    device: Address
    zone: Zone
    efficiency_bp: int = Field(
        strict=True, ge=1, le=10_000, examples=[8_500], description="Round trip, hundredths of %."
    )
    capacity_wh: int = Field(strict=True, ge=1, le=2**63 - 1)
    from_period: Uint32 = Field(description="One that has not begun.")


class Correction(_Body):
    technology: int = Field(strict=True, ge=0, le=255, description="0 for a store.")
    zone: Zone


class Withdrawal(_Body):
    until_period: Uint32 = Field(description="The first one that does not count any more.")


class NewClass(_Body):
    market: Uint32
    technology: Technology
    zone: Zone


def amounts_of(certificates: list[CertificateAmount]) -> list[Amount]:
    return [Amount(int(each.batch), each.amount_wh) for each in certificates]


def charges_of(charges: list[ChargeIn]) -> list[Charge]:
    return [Charge(each.slot, int(each.batch), each.amount_wh) for each in charges]
