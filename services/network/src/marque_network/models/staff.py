"""Staff, and the groups by which an identity provider gives them roles."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy import ForeignKey, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marque_network.errors import ManagerCircle, StaffLeft
from marque_network.models.base import Change, Model
from marque_network.rules import findable
from marque_network.rules.offices import former_keys
from marque_network.rules.skills import first_expiry


class Staff(Aggregate, Model):
    """Somebody who works at a dealer, or at the maker (no dealer). `status` is the contract's number.

    `skills` are {code, level}, `certificates` {code, issue, expiry} with ISO dates or null, `approval_limits` {kind,
    currency, units, nanos}, `week` is as in `rules.hours.Hours`. `next_expiry_date` is the earliest expiry of all certificates.
    """

    __tablename__ = "staff"

    ACTIVE, ON_LEAVE, LEFT, SUSPENDED = 1, 2, 3, 4

    staff_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    subject: Mapped[str] = mapped_column(Text, default="")
    employee_number: Mapped[str] = mapped_column(Text)
    dealer_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("dealers.dealer_id"))
    region_code: Mapped[str] = mapped_column(Text, default="")
    group_code: Mapped[str] = mapped_column(Text, default="")
    family_name: Mapped[str] = mapped_column(Text, default="")
    given_name: Mapped[str] = mapped_column(Text, default="")
    full_name: Mapped[str] = mapped_column(Text)
    latin_name: Mapped[str] = mapped_column(Text, default="")
    phone: Mapped[str] = mapped_column(Text, default="")
    email: Mapped[str] = mapped_column(Text, default="")
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    languages: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    status: Mapped[int] = mapped_column(default=ACTIVE)
    manager_staff_id: Mapped[uuid.UUID | None]
    search_text: Mapped[str] = mapped_column(Text)
    search_tokens: Mapped[list[str]] = mapped_column(ARRAY(Text))
    user_name: Mapped[str] = mapped_column(Text, default="")
    external_id: Mapped[str] = mapped_column(Text, default="")
    title: Mapped[str] = mapped_column(Text, default="")
    department: Mapped[str] = mapped_column(Text, default="")
    team: Mapped[str] = mapped_column(Text, default="")
    employment_start_date: Mapped[date | None]
    employment_end_date: Mapped[date | None]
    skills: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    certificates: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    capacity: Mapped[int] = mapped_column(default=0)
    approval_limits: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    week: Mapped[dict[str, list[str]]] = mapped_column(JSONB, default=dict)
    next_expiry_date: Mapped[date | None]
    former_subject_keys: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)

    @classmethod
    def hire(cls, values: Mapping[str, Any]) -> Staff:
        """Makes a new member of staff who can be found."""
        staff = cls(**values)
        staff.index()
        return staff

    def check_present(self) -> None:
        """Raises StaffLeft for somebody who has left."""
        if self.status == self.LEFT:
            raise StaffLeft(staff_id=self.staff_id)

    def check_led_by(self, chain: list[uuid.UUID]) -> None:
        """Raises ManagerCircle where this person stands among those who lead the new manager."""
        if self.staff_id in chain:
            raise ManagerCircle(staff_id=self.staff_id)

    def change(self, change: Change) -> None:
        """Takes new values. Raises StaffLeft."""
        self.check_present()
        if change.values.get("subject", self.subject) != self.subject:
            self.former_subject_keys = former_keys(self.former_subject_keys, self.subject, change.values["subject"])
        for name, value in change.values.items():
            setattr(self, name, value)
        self.index()

    def leave(self, last_day: date) -> None:
        """Goes for good, with that as the last day where none was said."""
        self.status, self.employment_end_date = self.LEFT, self.employment_end_date or last_day

    def take_roles(self, gained: Collection[str], lost: Collection[str]) -> bool:
        """Takes roles and gives others up; tells whether that changed anything."""
        held = sorted((set(self.roles) - set(lost)) | set(gained))
        changed = held != sorted(self.roles)
        self.roles = held if changed else self.roles
        return changed

    def index(self) -> None:
        """Writes what the person is found by."""
        found = findable.staff_document(self.employee_number, (self.full_name, self.latin_name or ""), self.email or "")
        self.search_text, self.search_tokens = found.text, found.tokens
        self.next_expiry_date = first_expiry(self.certificates or [])


class StaffGroup(Aggregate, Model):
    """A group of the identity provider, whose members have its roles."""

    __tablename__ = "staff_groups"

    group_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    display_name: Mapped[str] = mapped_column(Text)
    external_id: Mapped[str] = mapped_column(Text, default="")
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)

    def rename(self, display_name: str | None, external_id: str | None) -> tuple[str, ...]:
        """Takes new names, None keeping what stands; returns the names of the fields that changed."""
        given = {"display_name": display_name, "external_id": external_id}
        changed = tuple(name for name, value in given.items() if value is not None and getattr(self, name) != value)
        for name in changed:
            setattr(self, name, given[name])
        return changed


class StaffGroupMember(Model):
    """Who is in a group."""

    __tablename__ = "staff_group_members"

    group_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff_groups.group_id"), primary_key=True)
    staff_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff.staff_id"), primary_key=True)


@dataclass(frozen=True, slots=True)
class Provisioned:
    """A member of staff with the code of their dealer and the groups that they are in."""

    staff: Any
    dealer_code: str = ""
    groups: Sequence[Any] = ()


@dataclass(frozen=True, slots=True)
class Membered:
    """A group with its members, (staff id, full name)."""

    group: Any
    members: Sequence[tuple[uuid.UUID, str]] = field(default=())
