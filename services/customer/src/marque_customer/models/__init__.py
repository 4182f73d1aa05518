"""The tables of the customer service, with their behaviour. Enums are stored by their proto numbers."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy import ForeignKey
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from marque_customer.errors import CustomerErased, CustomerMerged
from marque_customer.models.base import Model
from marque_customer.models.call_backs import CallBack
from marque_customer.models.completeness import ProfileMark, ProfileRulesVersion
from marque_customer.models.contacts import ContactRule, PhoneCall, UnreachablePlace
from marque_customer.models.fleet_deals import FleetDeal, FleetDealPart
from marque_customer.models.holdings import Holding
from marque_customer.models.identity import CustomerMerge, DuplicateCandidate, SourceRecord
from marque_customer.models.leads import (
    GoneLead,
    KnownCalendar,
    Lead,
    LeadChange,
    LeadIntake,
    LeadPromise,
    LeadRulesVersion,
)
from marque_customer.models.people import (
    CustomerValue,
    KnownSale,
    KnownVisit,
    LifecycleChange,
    LifecycleRulesVersion,
    LostReason,
    SpendEntry,
)
from marque_customer.models.quotes import Quote, QuoteRulesVersion, QuoteVersion
from marque_customer.models.referrals import LeadRecall, Referral
from marque_customer.models.rights import (
    CustomerErasure,
    DataExport,
    DataExportPart,
    DataExportPiece,
    ErasureAcknowledgement,
    IdentityDocument,
    ProcessingRestriction,
    RetentionRule,
)
from marque_customer.models.tasks import KnownCampaign, Task
from marque_customer.models.test_drives import DemoCar, TestDrive
from marque_customer.models.ties import CustomerTie, OrganisationProfile
from marque_customer.rules.kinds import ACTIVE, ERASED, MERGED, RESTRICTED

__all__ = [
    "TEXTS",
    "CallBack",
    "ConsentEntry",
    "ContactPoint",
    "ContactRule",
    "Customer",
    "CustomerErasure",
    "CustomerMerge",
    "CustomerTie",
    "CustomerValue",
    "DataExport",
    "DataExportPart",
    "DataExportPiece",
    "DealerCustomer",
    "DemoCar",
    "DuplicateCandidate",
    "ErasureAcknowledgement",
    "FleetDeal",
    "FleetDealPart",
    "GoneLead",
    "Holding",
    "IdentityDocument",
    "Interaction",
    "KnownCalendar",
    "KnownCampaign",
    "KnownCar",
    "KnownSale",
    "KnownVisit",
    "Lead",
    "LeadChange",
    "LeadIntake",
    "LeadPromise",
    "LeadRecall",
    "LeadRulesVersion",
    "LifecycleChange",
    "LifecycleRulesVersion",
    "LostReason",
    "OrganisationProfile",
    "PhoneCall",
    "ProcessingRestriction",
    "ProfileMark",
    "ProfileRulesVersion",
    "Quote",
    "QuoteRulesVersion",
    "QuoteVersion",
    "Referral",
    "Relation",
    "RetentionRule",
    "SourceRecord",
    "SourceReference",
    "SpendEntry",
    "Task",
    "TestDrive",
    "UnreachablePlace",
]


class Customer(Aggregate, Model):
    """A person or an organisation. `birth_date` is YYYYMMDD as a number, 0 where unknown, year 0000 where only the day is known.

    `search_text`, `search_tokens` and `card` repeat what stands in this row and its parts, for search and for fast reads; they are
    rebuilt by `usecases.saving` with every change and never written elsewhere. `stage` and `tier` are found by `usecases.lifecycle`.
    """

    __tablename__ = "customers"

    customer_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    kind: Mapped[int]
    status: Mapped[int] = mapped_column(default=ACTIVE)
    status_time: Mapped[datetime]
    merged_into: Mapped[uuid.UUID | None]
    family_name: Mapped[str] = mapped_column(default="")
    given_name: Mapped[str] = mapped_column(default="")
    full_name: Mapped[str] = mapped_column(default="")
    latin_name: Mapped[str] = mapped_column(default="")
    organisation_name: Mapped[str] = mapped_column(default="")
    birth_date: Mapped[int] = mapped_column(default=0)
    gender: Mapped[int] = mapped_column(default=0)
    language: Mapped[str] = mapped_column(default="")
    preferred_channel: Mapped[int] = mapped_column(default=0)
    time_zone: Mapped[str] = mapped_column(default="")
    occupation: Mapped[str] = mapped_column(default="")
    income_band: Mapped[str] = mapped_column(default="")
    industry: Mapped[str] = mapped_column(default="")
    interests: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    addresses: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    search_text: Mapped[str] = mapped_column(default="")
    search_tokens: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    card: Mapped[bytes] = mapped_column(default=b"")
    stage: Mapped[int] = mapped_column(default=1)
    tier: Mapped[str] = mapped_column(default="")

    def refuse_if_gone(self) -> None:
        """Raises CustomerErased or CustomerMerged where nothing more can be written to this customer."""
        if self.status == ERASED:
            raise CustomerErased(customer_id=self.customer_id)
        if self.status == MERGED:
            raise CustomerMerged(customer_id=self.customer_id, merged_into=self.merged_into)

    def change(self, values: dict[str, Any]) -> list[str]:
        """Sets columns and returns the names of those that differ from before."""
        changed = [name for name, value in values.items() if getattr(self, name) != value]
        for name in changed:
            setattr(self, name, values[name])
        return changed

    def merge_into(self, survivor: Customer, moment: datetime) -> None:
        """Stands for the survivor."""
        self.status, self.status_time, self.merged_into = MERGED, moment, survivor.customer_id

    def stand_alone(self, status: int, status_time: datetime) -> None:
        """Is itself again, in the state that it had."""
        self.status, self.status_time, self.merged_into = status, status_time, None

    def restrict(self, moment: datetime) -> bool:
        """Is kept and not used from now on; tells whether that is new."""
        self.refuse_if_gone()
        if self.status == RESTRICTED:
            return False
        self.status, self.status_time = RESTRICTED, moment
        return True

    def use_again(self, moment: datetime) -> None:
        """Is no longer restricted."""
        self.status, self.status_time = ACTIVE, moment

    def forget(self, moment: datetime) -> None:
        """Leaves the id, the kind and the fact of the erasure; nothing personal stays."""
        self.change(dict.fromkeys(TEXTS, "") | {"birth_date": 0, "gender": 0, "preferred_channel": 0})
        self.change({"interests": [], "tags": [], "addresses": [], "stage": 1, "tier": ""})
        self.status, self.status_time = ERASED, moment


TEXTS = (
    *("family_name", "given_name", "full_name", "latin_name", "organisation_name", "language", "time_zone"),
    *("occupation", "income_band", "industry"),
)


class ContactPoint(Model):
    """One way to reach a customer. `value` is shown and sent to; `match_key` is what people are compared by."""

    __tablename__ = "contact_points"

    contact_point_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("customers.customer_id"))
    kind: Mapped[int]
    value: Mapped[str]
    match_key: Mapped[str]
    provider: Mapped[str] = mapped_column(default="")
    label: Mapped[str] = mapped_column(default="")
    is_primary: Mapped[bool] = mapped_column(default=False)
    source: Mapped[str] = mapped_column(default="")
    verify_time: Mapped[datetime | None]
    verification_method: Mapped[int] = mapped_column(default=0)
    shared: Mapped[bool] = mapped_column(default=False)
    create_time: Mapped[datetime]
    unreachable_time: Mapped[datetime | None]
    unreachable_reason: Mapped[str] = mapped_column(default="")
    unreachable_source: Mapped[str] = mapped_column(default="")

    def verify(self, method: int, shared: bool, moment: datetime) -> None:
        """Records that it was shown to be the customer's, and whether others use it too; so something arrives there."""
        self.verify_time, self.verification_method, self.shared = moment, method, shared
        self.unreachable_time, self.unreachable_reason, self.unreachable_source = None, "", ""


class SourceReference(Model):
    """The name that another system has for a customer; `content_hash` is of the last row that an import wrote.

    The key holds whose system it is (`rules.sources.MAKER` for the maker's), because two dealers may use the same product and number.
    """

    __tablename__ = "source_references"

    source: Mapped[str] = mapped_column(primary_key=True)
    source_key: Mapped[str] = mapped_column(primary_key=True)
    dealer_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("customers.customer_id"))
    last_seen_time: Mapped[datetime]
    content_hash: Mapped[bytes | None]


class Relation(Aggregate, Model):
    """Which dealer has to do with a customer, since when and why: the basis of what the dealer sees."""

    __tablename__ = "relations"

    relation_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("customers.customer_id"))
    dealer_id: Mapped[uuid.UUID]
    kind: Mapped[int]
    start_time: Mapped[datetime]
    origin_type: Mapped[str] = mapped_column(default="")
    origin_id: Mapped[str] = mapped_column(default="")
    staff_id: Mapped[uuid.UUID | None]


class DealerCustomer(Model):
    """One row per dealer and customer in relation, with the list orders repeated: a dealer's list reads only its own rows."""

    __tablename__ = "dealer_customers"

    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("customers.customer_id"), primary_key=True)
    dealer_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    update_time: Mapped[datetime]
    create_time: Mapped[datetime]
    kind: Mapped[int]
    status: Mapped[int]


class ConsentEntry(Model):
    """One entry of the ledger; a trigger refuses to change or delete it."""

    __tablename__ = "consent_entries"

    consent_entry_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("customers.customer_id"))
    sequence: Mapped[int]
    purpose: Mapped[int]
    channel: Mapped[int]
    controller_kind: Mapped[int]
    controller_id: Mapped[str]
    action: Mapped[int]
    text_version: Mapped[str]
    source: Mapped[str]
    given_time: Mapped[datetime]
    evidence_type: Mapped[str]
    evidence_id: Mapped[str]
    known_time: Mapped[datetime]
    actor: Mapped[str]


class Interaction(Model):
    """One touch on the customer's time line."""

    __tablename__ = "interactions"

    interaction_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("customers.customer_id"))
    kind: Mapped[int]
    direction: Mapped[int]
    channel: Mapped[int] = mapped_column(default=0)
    occur_time: Mapped[datetime]
    duration_seconds: Mapped[int | None]
    subject: Mapped[str] = mapped_column(default="")
    subject_key: Mapped[str] = mapped_column(default="")
    subject_params: Mapped[dict[str, str]] = mapped_column(JSONB, default=dict)
    note: Mapped[str] = mapped_column(default="")
    outcome: Mapped[str] = mapped_column(default="")
    staff_id: Mapped[uuid.UUID | None]
    dealer_id: Mapped[uuid.UUID | None]
    vin: Mapped[str] = mapped_column(default="")
    reference_type: Mapped[str] = mapped_column(default="")
    reference_id: Mapped[str] = mapped_column(default="")
    content_key: Mapped[str] = mapped_column(default="")
    next_step: Mapped[str] = mapped_column(default="")
    next_step_time: Mapped[datetime | None]
    create_time: Mapped[datetime]


class KnownCar(Model):
    """Who owns, leases, drives or keeps which car, as the vehicle service said last; one row per ownership.

    `plate` is what the vehicle service answered last; `plate_stale_time` is the moment since when it must be asked again, none where not.
    """

    __tablename__ = "known_cars"

    ownership_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    customer_id: Mapped[uuid.UUID]
    vin: Mapped[str]
    role: Mapped[int]
    valid_start_time: Mapped[datetime | None]
    valid_end_time: Mapped[datetime | None]
    voided: Mapped[bool] = mapped_column(default=False)
    version: Mapped[int]
    plate: Mapped[str] = mapped_column(default="")
    plate_stale_time: Mapped[datetime | None]
