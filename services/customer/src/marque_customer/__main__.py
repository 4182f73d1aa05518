"""The customer service: `python -m marque_customer serve | work | migrate | find-duplicates`."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from servicekit.db.uow import Work
from servicekit.service import main, make_kit

from marque_customer.errors import CONSTRAINTS
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


if sys.argv[1:] == ["find-duplicates"]:
    import uvloop

    sys.exit(uvloop.run(find_duplicates(Settings())))
main(build, Settings, "customer")
