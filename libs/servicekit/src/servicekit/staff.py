"""What every service knows of the people who hold tokens: heard by event, so that access follows the staff record within seconds.

A person's token is worth at most what the record of their subject says: who has left or is suspended is refused, roles and scope are those
of the record, narrowed by what the token names itself. A token that names no roles gets those of the record, so that an identity
provider need not know them. Subjects without a record, machines and owners are as their token says. See docs/adr/0008.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Any

import sqlalchemy as sa

from servicekit import roles
from servicekit.db.staff_tables import known_staff
from servicekit.db.uow import UnitOfWork
from servicekit.errors import Unauthenticated
from servicekit.messaging.consumer import Handler
from servicekit.messaging.envelope import Event
from servicekit.rpc.principal import Principal

DETACHED, ACTIVE, ON_LEAVE, LEFT, SUSPENDED = 0, 1, 2, 3, 4  # the numbers of marque.network.v1.StaffStatus
FRESH_SECONDS = 5.0  # how old the news may be by which a remembered record is still believed
_LIMIT = 100_000


def subject_key(subject: str) -> str:
    """Returns the name under which a subject is known: a subject may be an address, so it stands in no event and no table of others."""
    return hashlib.sha256(subject.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Access:
    """What the record of a subject allows."""

    staff_id: str
    status: int
    roles: frozenset[str]
    dealer_id: str = ""
    region: str = ""
    group: str = ""


class AccessEnded(Unauthenticated):
    """The token holds, but its person no longer works here."""

    reason = "ACCESS_ENDED"
    message = "The access of this person has ended."


def is_of_nobody(principal: Principal) -> bool:
    """Tells whether a token is a machine's or an owner's only, of whom there is no record of staff."""
    return bool(principal.roles) and principal.roles <= roles.NOT_OF_STAFF


def narrowed(principal: Principal, access: Access | None) -> Principal:
    """Returns the caller as the record allows it. Raises AccessEnded where nothing is left."""
    if access is None:
        return principal
    others = principal.roles & roles.NOT_OF_STAFF  # somebody who works here may own a car too
    if access.status not in (ACTIVE, ON_LEAVE):
        if not others:
            raise AccessEnded()
        held: frozenset[str] = others
        access = replace(access, roles=frozenset(), dealer_id="", region="", group="")
    else:
        held = access.roles if not principal.roles else others | (principal.roles & access.roles)
    own = frozenset({access.dealer_id}) if access.dealer_id else frozenset()
    return replace(
        principal,
        roles=held,
        permissions=roles.permissions(held),
        dealers=own & principal.dealers if principal.dealers else own,
        region=_both(principal.region, access.region),
        dealer_group=_both(principal.dealer_group, access.group),
        staff_id=access.staff_id,
    )


def _both(named: str, recorded: str) -> str:
    return recorded if named in ("", recorded) else ""


Read = Callable[[Collection[str]], Awaitable[Mapping[str, Access]]]


class Roster:
    """Judges callers by their records, remembering those who call.

    What is remembered is believed only while news come in (`heard`): without them every call reads the record anew, and a record that
    cannot be read refuses the call rather than letting an old one stand.
    """

    def __init__(self, read: Read) -> None:
        self._read = read
        self._known: dict[str, Access | None] = {}
        self._fresh_until = 0.0
        self._generation = 0

    async def present(self, principal: Principal) -> Principal:
        """Returns the caller as their record allows it now. Raises AccessEnded; whatever the reading raises."""
        if is_of_nobody(principal):
            return principal
        return narrowed(principal, await self.access(principal.subject))

    async def access(self, subject: str) -> Access | None:
        """Returns the record of a subject, or None for one of whom there is none."""
        key = subject_key(subject)
        if time.monotonic() < self._fresh_until and key in self._known:
            return self._known[key]
        generation = self._generation
        found = (await self._read([key])).get(key)
        if generation == self._generation:  # else the answer may be older than the news that came meanwhile
            if len(self._known) >= _LIMIT:
                self._known.clear()
            self._known[key] = found
        return found

    def recall(self, subject: str) -> Access | None:
        """Returns what was known last of a subject, however old; None for nothing."""
        return self._known.get(subject_key(subject))

    def heard(self, changed: Iterable[str] | None, *, since: float, good_for: float = FRESH_SECONDS) -> None:
        """Takes news: the keys of subjects whose records changed, None where any may have.

        `since` is the moment (monotonic) up to which they are complete, `good_for` how long they are believed from there.
        """
        self._generation += 1
        if changed is None:
            self._known.clear()
        else:
            for key in changed:
                self._known.pop(key, None)
        self._fresh_until = since + good_for


async def on_staff_changed(uow: UnitOfWork, event: Event) -> None:
    """Keeps the newest state of a member of staff; what is older than known changes nothing.

    A subject that was theirs and is no longer stays known as nobody's, so that its old tokens are refused.
    """
    data: Any = event.data
    staff_id = uuid.UUID(event.key)
    lock = sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(f"staff:{staff_id}", 0))
    await uow.session.execute(sa.select(lock))
    columns = known_staff.c
    newest = sa.select(sa.func.max(columns.version)).where(columns.staff_id == staff_id)
    if (await uow.session.scalar(newest) or 0) >= event.version:
        return
    await _keep(
        uow,
        {
            "subject_key": data.subject_key or f"none:{staff_id}",
            "staff_id": staff_id,
            "status": data.status,
            "roles": list(data.roles),
            "dealer_id": uuid.UUID(data.dealer_id) if data.dealer_id else None,
            "region_code": data.region_code,
            "group_code": data.group_code,
            "version": event.version,
            "change_time": data.occur_time.ToDatetime(UTC),
        },
        list(data.former_subject_keys),
    )


async def _keep(uow: UnitOfWork, record: Mapping[str, Any], former: Sequence[str]) -> None:
    """Writes the records of one person: that of their subject (without one, under a key that no subject has, for the version's sake), and
    those of subjects that they had.
    """
    columns, key = known_staff.c, record["subject_key"]
    mine = columns.staff_id == record["staff_id"]
    await uow.session.execute(sa.delete(known_staff).where(mine, columns.subject_key.not_in([key, *former])))
    await uow.session.execute(_WRITE_HELD, record)
    nothing = {"status": DETACHED, "roles": [], "dealer_id": None, "region_code": "", "group_code": ""}
    for one in former:
        if one != key:
            await uow.session.execute(_WRITE_LEFT, {**record, **nothing, "subject_key": one})


def _write(held: str) -> sa.TextClause:
    """The statement that keeps a record where that of the subject before was theirs, or `held`."""
    names = [column.name for column in known_staff.columns if column.name != "changed_in"]
    told = ", ".join(f"{name} = excluded.{name}" for name in (*names, "changed_in"))
    return sa.text(
        f"INSERT INTO known_staff ({', '.join(names)}, changed_in) "  # noqa: S608 - our own words
        f"VALUES ({', '.join(f':{name}' for name in names)}, pg_current_xact_id()) "
        f"ON CONFLICT (subject_key) DO UPDATE SET {told} WHERE known_staff.staff_id = excluded.staff_id {held}"
    )


# A subject that went from who left to somebody else is of who had it last.
_WRITE_HELD = _write(f"OR known_staff.status = {DETACHED} OR known_staff.change_time <= excluded.change_time")
_WRITE_LEFT = _write("")


SNAPSHOT = "marque.network.v1.StaffSnapshot"
REBUILDS = {known_staff.name: SNAPSHOT}
"""What a subscription with these handlers rebuilds from (`Subscription.rebuilds`)."""


def handlers() -> dict[str, Handler]:
    """Returns the handlers by which a service knows staff; each service's subscription to network takes them in."""
    return {
        "marque.network.v1.StaffChanged": on_staff_changed,
        SNAPSHOT: on_staff_changed,
    }


def access_of(row: Any) -> Access:
    """Returns the record of a row of `known_staff`."""
    return Access(
        staff_id=str(row["staff_id"]),
        status=row["status"],
        roles=frozenset(row["roles"]),
        dealer_id=str(row["dealer_id"] or ""),
        region=row["region_code"],
        group=row["group_code"],
    )
