"""The customer service: `python -m marque_customer serve | work | migrate | find-duplicates | rotate-keys | replay-rights MOMENT`."""

from __future__ import annotations

import json
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from servicekit.memory import growing

with growing():
    from servicekit.db.uow import Work
    from servicekit.messaging.history import events_since
    from servicekit.sealing.rotation import rotate
    from servicekit.service import connect_nats, main, make_kit

    from marque_customer.errors import CONSTRAINTS
    from marque_customer.models.rights import NUMBERS
    from marque_customer.service import build
    from marque_customer.settings import Settings


def tell(step: dict[str, Any]) -> None:
    """Writes a step of the run as a line of JSON."""
    sys.stdout.write(json.dumps(step) + "\n")
    sys.stdout.flush()


async def find_duplicates(settings: Settings) -> int:
    """Runs the batch once. Returns 0 when it is done, 3 when another run is under way."""
    from marque_customer.due import duplicates as due  # only this command needs it

    kit = make_kit(settings, "customer", command_timeout=None)
    folder = settings.linking_folder or Path(tempfile.gettempdir()) / "marque-linking"
    await kit.database.start()
    try:
        work = Work(kit.database, kit.committed, CONSTRAINTS)
        await due.find_duplicates(
            database=kit.database, work=work, folder=folder, tell=tell, memory=settings.linking_memory
        )
    except due.AlreadyRunning as busy:
        tell({"step": "refused", "why": str(busy)})
        return 3
    finally:
        await kit.database.stop()
        await kit.verifier.close()
    return 0


async def rotate_keys(settings: Settings) -> int:
    """Brings what is sealed under the current key. Killed at any moment it can be started again; 4: some of it cannot be opened."""
    kit = make_kit(settings, "customer", command_timeout=None)
    rotated = unreadable = 0
    await kit.database.start()
    try:
        async for step in rotate(kit.database, kit.sealer, [NUMBERS]):
            rotated, unreadable = rotated + step.rotated, unreadable + step.unreadable
            tell({"step": step.column.table, "rotated": rotated, "unreadable": unreadable})
    finally:
        await kit.database.stop()
        await kit.verifier.close()
    tell({"step": "done", "key": kit.sealer.ring.current, "rotated": rotated, "unreadable": unreadable})
    return 4 if unreadable else 0


async def replay_rights(settings: Settings, since: datetime) -> int:
    """Withdraws and erases again what a restored database has forgotten, as the stream tells it since a moment (docs/runbook.md).

    Run it with the broker's user of the migrate step, before any other process of the service is started.
    """
    from marque_customer.usecases.rights import replaying  # only this command needs it

    kit = make_kit(settings, "customer", command_timeout=None)
    broker = await connect_nats(settings.nats_url, "customer", settings.broker_access)
    await kit.database.start()
    try:
        events = events_since(broker, "customer", replaying.TYPES, since)
        tell({"step": "done", **await replaying.replay(kit.database, kit.committed, events)})
    finally:
        await kit.database.stop()
        await kit.verifier.close()
        await broker.close()
    return 0


if len(sys.argv) == 3 and sys.argv[1] == "replay-rights":
    import uvloop

    moment = datetime.fromisoformat(sys.argv[2])
    sys.exit(uvloop.run(replay_rights(Settings(), moment if moment.tzinfo else moment.replace(tzinfo=UTC))))
_COMMANDS = {"find-duplicates": find_duplicates, "rotate-keys": rotate_keys}
if len(sys.argv) == 2 and (command := _COMMANDS.get(sys.argv[1])) is not None:
    import uvloop

    sys.exit(uvloop.run(command(Settings())))
main(build, Settings, "customer")
