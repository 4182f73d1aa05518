"""Which customers a caller sees (docs/access.md): the maker's people all, dealers and regions by relation, owners themselves.

One rule, two spellings of its parameters: numbered for prepared statements, named for SQLAlchemy. It judges a table with `customer_id`.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from servicekit.dealers import in_scope
from servicekit.rpc.principal import Principal
from sqlalchemy.dialects.postgresql import ARRAY

# Who signed in before being merged sees the survivor: `own` stands for both. The subquery is worked out once for a statement.
_RULE = """(CAST({everything} AS boolean) OR {table}.customer_id = CAST({own} AS uuid)
    OR {table}.customer_id = (SELECT customer_root(CAST({own} AS uuid)) WHERE CAST({own} AS uuid) IS NOT NULL) OR EXISTS (
    SELECT 1 FROM dealer_customers v WHERE v.customer_id = {table}.customer_id AND (v.dealer_id = ANY(CAST({dealers} AS uuid[]))
    OR v.dealer_id IN (SELECT k.dealer_id FROM known_dealers k
        WHERE k.group_code = CAST({group} AS text) OR k.region_code = CAST({region} AS text)))))"""
_NAMES = ("everything", "own", "dealers", "group", "region")


@dataclass(frozen=True, slots=True)
class Sight:
    """What bounds a caller's sight; `None` for a group or region means none, as NULL equals nothing."""

    everything: bool
    own: uuid.UUID | None
    dealers: list[uuid.UUID]
    group: str | None
    region: str | None

    @property
    def values(self) -> tuple[object, ...]:
        """The parameters of the rule, in its order."""
        return (self.everything, self.own, self.dealers, self.group, self.region)


def sight_of(principal: Principal) -> Sight:
    """Returns the bounds of a caller's sight; the same facts as `servicekit.dealers.in_scope` goes by."""
    return Sight(
        everything=principal.sees_all_rows,
        own=uuid.UUID(principal.customer_id) if principal.is_owner and principal.customer_id else None,
        dealers=[uuid.UUID(dealer) for dealer in sorted(principal.dealers)],
        group=principal.dealer_group if principal.is_dealer and principal.dealer_group else None,
        region=principal.region if principal.region and "oem.region" in principal.roles else None,
    )


def sight_of_dealers(dealer_ids: Sequence[str]) -> Sight:
    """Returns the bounds of what a service is told on behalf of dealers; of none: everything."""
    return Sight(not dealer_ids, None, [uuid.UUID(dealer) for dealer in dealer_ids], None, None)


def rule(first: int, table: str = "c") -> str:
    """Returns the condition for a prepared statement whose parameters from `$first` on are `Sight.values`."""
    return _RULE.format(table=table, **{name: f"${first + index}" for index, name in enumerate(_NAMES)})


def visible_to(principal: Principal, table: str = "customers") -> sa.ColumnElement[bool]:
    """Returns the condition for SQLAlchemy statements on a table with `customer_id`."""
    sight = sight_of(principal)
    text = sa.text(_RULE.format(table=table, **{name: f":sight_{name}" for name in _NAMES})).bindparams(
        sa.bindparam("sight_everything", sight.everything, sa.Boolean),
        sa.bindparam("sight_own", sight.own, sa.Uuid),
        sa.bindparam("sight_dealers", sight.dealers, ARRAY(sa.Uuid)),
        sa.bindparam("sight_group", sight.group, sa.Text),
        sa.bindparam("sight_region", sight.region, sa.Text),
    )
    return sa.literal_column("TRUE") & text


def own_dealers(principal: Principal, column: sa.ColumnElement[uuid.UUID]) -> sa.ColumnElement[bool]:
    """Returns the condition for rows of a customer that a dealer sees of its own only: relations and touches."""
    if principal.sees_all_rows or principal.is_owner:
        return sa.true()
    return in_scope(principal, column)
