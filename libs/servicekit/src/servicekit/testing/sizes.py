"""The short sizes of proofs that grow with the contracts: `make test` sends a part that turns from RPC to RPC, `make soak` all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

One = TypeVar("One")


def part(of: Sequence[One], one_in: int, turn: int) -> list[One]:
    """Returns each so many-th of some things, beginning elsewhere with every turn: so many turns make the whole.

    Never nothing, where there is something.
    """
    return list(of[turn % min(one_in, len(of)) :: one_in]) if of else []
