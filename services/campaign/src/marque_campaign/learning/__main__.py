"""Reads people as JSON from its input, writes what was learned to its output: nothing of it touches a disk.

In: `{"kinds": {name: kind}, "rows": [[value, …], …], "labels": [0 or 1, …], "shift": log odds}`.
Out: the document of a `rules.likeness.Model`.
"""

from __future__ import annotations

import os
import resource
import sys

import orjson

_MOST_BYTES = 4 << 30
_MOST_SECONDS = 120


def main() -> None:
    """Learns once, below everything else that the machine does, within limits of memory and time."""
    os.nice(5)
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_MOST_SECONDS, _MOST_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold what was read
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"  # before numpy is imported
    from marque_campaign.learning.train import learn

    asked = orjson.loads(sys.stdin.buffer.read())
    model = learn(asked["kinds"], asked["rows"], asked["labels"], shift=asked["shift"])
    sys.stdout.buffer.write(orjson.dumps(model.document()))


if __name__ == "__main__":
    main()
