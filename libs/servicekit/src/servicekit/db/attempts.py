"""A part of a unit of work that may fail alone: a savepoint, with what it said and noted.

A use case opens its unit of work, does its work, and answers. Given an attempt in place of the unit of work it does the same inside
another's transaction: where it raises, its rows, events, audit records and figures are undone and the rest of the transaction goes on.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from servicekit.db.uow import UnitOfWork


class Attempt:
    """Stands for a unit of work that is open. Entered again while it is open, it joins itself, as a unit of work does."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow
        self._depth = 0
        self._savepoint: Any = None
        self._said: tuple[int, ...] = ()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._uow, name)

    async def __aenter__(self) -> Self:
        self._depth += 1
        if self._depth == 1:
            self._savepoint = await self._uow.session.begin_nested()
            self._said = self._uow.mark()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._depth -= 1
        if self._depth:
            return
        if error is None:
            await self._uow.session.flush()
            await self._savepoint.commit()
            return
        self._uow.forget_since(self._said)
        await self._savepoint.rollback()

    async def answer(self, result: Any) -> Any:
        """Returns the result itself: the unit of work around answers once, for all of its parts."""
        await self._uow.session.flush()
        return result
