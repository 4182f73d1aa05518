"""The SCIM 2.0 door (RFC 7643, RFC 7644): an identity provider creates, changes and removes staff and groups.

Protocol only; what it means is decided by network's ProvisioningService.
"""

from __future__ import annotations

import asyncio
import importlib
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from marque_gateway.settings import Settings
from marque_gateway.upstream import Upstreams

PREFIX = "/scim/v2"


class Scim:
    """`/scim/v2/…`. The door proper is read in when somebody first comes: its library takes as long to read as the rest of the gateway."""

    def __init__(self, upstreams: Upstreams, settings: Settings) -> None:
        self._upstreams = upstreams
        self._settings = settings
        self._door: Any = None
        self._opening = asyncio.Lock()

    async def answer(self, request: Request) -> Response:
        """Answers a SCIM request."""
        if self._door is None:
            async with self._opening:
                if self._door is None:
                    module = await asyncio.to_thread(importlib.import_module, "marque_gateway.scim.door")
                    self._door = module.Door(self._upstreams, self._settings.scim_subject)
        found: Response = await self._door.answer(request)
        return found
