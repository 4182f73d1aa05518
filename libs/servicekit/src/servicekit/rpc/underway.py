"""Work of a request that takes long before its transaction: whoever sends the request again waits for it, and begins nothing anew."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from servicekit import tasks
from servicekit.errors import IdempotencyKeyReused
from servicekit.rpc.call import Call

T = TypeVar("T")
_Key = tuple[str, str, str]


class Underway:
    """What one process does for requests with a request id, each once at a time; `close` ends what is left.

    Such work goes on when its callers have gone: its answer is kept by its unit of work, and the retry gets it. Another process knows
    nothing of it; there a retry works too, and the unit of work lets one of them stand.
    """

    def __init__(self) -> None:
        self._runs: dict[_Key, tuple[bytes, asyncio.Task[Any]]] = {}

    async def join(self, call: Call, run: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Returns, or raises, what `run` does, or what the run of the same request that is under way does; without a request id it is the
        caller's own, and ends with the call.

        Raises IdempotencyKeyReused where another request is under way under the same id.
        """
        if not call.request_id:
            return await run()
        key = (call.principal.subject, call.method, call.request_id)
        if key not in self._runs:
            task = asyncio.create_task(run())
            self._runs[key] = (call.request_hash, task)
            task.add_done_callback(lambda ended: self._forget(key, ended))
        request_hash, task = self._runs[key]
        if request_hash != call.request_hash:
            raise IdempotencyKeyReused()
        result: T = await asyncio.shield(task)
        return result

    async def close(self) -> None:
        """Ends what is under way."""
        await tasks.end([task for _, task in self._runs.values()])

    def _forget(self, key: _Key, task: asyncio.Task[Any]) -> None:
        del self._runs[key]
        if not task.cancelled():
            task.exception()  # looked at, where every caller has gone
