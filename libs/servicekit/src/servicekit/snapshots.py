"""The whole state of a service as snapshot events, for consumers that rebuild what they know."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from google.protobuf.message import Message
from sqlalchemy.ext.asyncio import AsyncSession

# Reads the next snapshots after a key (empty: from the start), at most `limit`, as (key, event) in the order of keys. The event carries
# `aggregate_version`. Each service's `repository` has one reader per aggregate and names them in `Service.snapshots`.
SnapshotReader = Callable[[AsyncSession, str, int], Awaitable[list[tuple[str, Message]]]]
