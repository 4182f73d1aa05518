"""When a campaign pauses by itself. Pure.

What fails for many is wrong for all, and each further message costs money, or the sender's name with the mail servers.
"""

from __future__ import annotations

LOOKED_AT = 200
"""How many of the messages that were begun last are looked at."""
FEWEST = 50
"""Of so few nothing is concluded: three addresses that are gone are no storm."""
USUAL_PERCENT = 20
NEVER_PERCENT = 100
FAILURES = "FAILURES"


def is_storm(failed: int, told: int, percent: int) -> bool:
    """Tells whether so much failed, of the messages of which something is known, that the rest waits for a person.

    `percent`: more than that is too much; 0 for the usual one.
    """
    return told >= FEWEST and failed * 100 > told * (percent or USUAL_PERCENT)
