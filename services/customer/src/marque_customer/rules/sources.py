"""Whose system a name of a customer comes from."""

from __future__ import annotations

import uuid

from servicekit.errors import InvalidArgument
from servicekit.rpc.principal import Principal

MAKER = uuid.UUID(int=0)  # the owner of references to the maker's own systems


def owner_of(principal: Principal, dealer_id: uuid.UUID | None = None) -> uuid.UUID:
    """Returns the owner of the references that a caller writes: the maker, or the dealer that is named or the only one of the caller.

    Raises:
        InvalidArgument: the caller works for several dealers, or for none, so that nobody knows whose system is meant.
    """
    if principal.sees_all_rows:
        return MAKER
    if dealer_id is not None:
        return dealer_id
    if len(principal.dealers) == 1:
        return uuid.UUID(next(iter(principal.dealers)))
    raise InvalidArgument.of(
        "source_references", "DEALER_AMBIGUOUS", "Write references with the token of the one dealer whose system it is."
    )
