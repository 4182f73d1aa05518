"""The process that learns who responds (`python -m marque_campaign.learning`): one at a time, what it gets and gives stays in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from servicekit.children import child
from servicekit.telemetry import logs

from marque_campaign.errors import LearningUnavailable
from marque_campaign.rules import likeness

log = logs.get_logger(__name__)
_LEARNER = "marque_campaign.learning"


class Learner:
    """Starts the process for each question. `seconds`: how long it may take; whoever asks meanwhile waits as long."""

    def __init__(self, seconds: float = 90.0, module: str = _LEARNER) -> None:
        self._seconds = seconds
        self._module = module
        self._turn = asyncio.Lock()

    async def learn(
        self, kinds: Mapping[str, str], rows: Sequence[Sequence[Any]], labels: Sequence[int], shift: float
    ) -> likeness.Model:
        """Returns what rows and labels teach. Raises TooFew, LearningUnavailable."""
        likeness.enough(labels)
        asked = orjson.dumps({"kinds": kinds, "rows": rows, "labels": labels, "shift": shift})
        try:
            async with asyncio.timeout(self._seconds), self._turn:
                return likeness.read(orjson.loads(await self._asked(asked)))
        except (TimeoutError, orjson.JSONDecodeError) as error:
            log.warning("nothing was learned", extra={"error_type": type(error).__name__})
            raise LearningUnavailable() from None

    async def _asked(self, asked: bytes) -> bytes:
        """Asks the process. It is killed when whoever asks goes away, so that nobody's data stays in it."""
        async with child(("-m", self._module), quiet=True) as running:
            answer, _ = await asyncio.to_thread(running.communicate, asked)
            return answer if running.returncode == 0 else b""
