"""What several servicers ask of a request's scope."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from servicekit.db.engine import Reader
from servicekit.errors import DomainError, InvalidArgument
from servicekit.scope import family

from marque_vehicle.errors import DealerNotFound
from marque_vehicle.repository import scope as scopes
from marque_vehicle.repository.scope import Scope


async def dealer_of(reader: Reader, scope: Scope, named: str, field: str) -> tuple[uuid.UUID, str]:
    """Returns the dealer for whom something is written, with its zone: the one named, else the only one in the caller's scope.

    Raises:
        InvalidArgument: none is named and the caller has not just one.
        DealerNotFound: it is unknown, or not in the caller's scope.
    """
    if not named and len(scope.dealers) != 1:
        raise InvalidArgument.of(field, "DEALER_MISSING", "Name the dealer.")
    dealer = uuid.UUID(named) if named else scope.dealers[0]
    zone = await scopes.dealer_zone(reader, dealer)
    if zone is None or not (scope.everything or dealer in scope.dealers):
        raise DealerNotFound()
    return dealer, zone


def id_of(value: str, missing: DomainError) -> uuid.UUID:
    """Reads the id of a resource in a body: a text that is none names nothing that anybody could see, and raises `missing`."""
    try:
        return uuid.UUID(value)
    except ValueError:
        raise missing from None


async def customers_of(reader: Reader, named: str) -> Sequence[uuid.UUID]:
    """Returns all ids of a customer that a filter names; empty for none."""
    return await family(reader, uuid.UUID(named)) if named else ()
