"""The gateway: `python -m marque_gateway serve`."""

from __future__ import annotations

import sys

from servicekit.memory import growing

with growing():
    import uvloop

    from marque_gateway.service import run
    from marque_gateway.settings import Settings

if sys.argv[1:] != ["serve"]:
    raise SystemExit("usage: python -m marque_gateway serve")
uvloop.run(run(Settings()))
