"""SQL of those on a list who were merged into somebody since: who they are now. References are never rewritten, so it is asked anew."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from servicekit.db import families

# Few are merged, so it is begun with them, and asked once for a statement.
_MERGED = families.survivors(
    "ARRAY(SELECT a.from_customer_id FROM customer_aliases a JOIN audience_list_members m ON m.customer_id = a.from_customer_id "
    "WHERE a.known_until IS NULL AND m.audience_list_id = :list)"
)


def merged(list_id: uuid.UUID) -> sa.TextualSelect:
    """Selects `asked, customer_id`: the id on the list, and the survivor."""
    text = sa.text(f"WITH RECURSIVE {_MERGED} SELECT asked, customer_id FROM top")  # noqa: S608 - our own words
    bound = text.bindparams(sa.bindparam("list", list_id, sa.Uuid(), unique=True))
    return bound.columns(sa.column("asked", sa.Uuid()), sa.column("customer_id", sa.Uuid()))


def survivors(list_id: uuid.UUID) -> sa.Select[tuple[uuid.UUID]]:
    """Selects the survivors alone."""
    return sa.select(merged(list_id).subquery().c.customer_id)
