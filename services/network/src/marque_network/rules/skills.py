"""What a person can do on a day: skills, and certificates that end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

UNGRADED = 1


def first_expiry(certificates: Iterable[Mapping[str, Any]]) -> date | None:
    """Returns the earliest day on which a certificate ends, past ones included; None where none ends."""
    ends = [date.fromisoformat(found["expiry"]) for found in certificates if found.get("expiry")]
    return min(ends, default=None)


def holds(certificate: Mapping[str, Any], day: date) -> bool:
    """Tells whether a certificate {issue, expiry} (ISO dates or null) holds on a day; both days are included."""
    begins, ends = certificate.get("issue"), certificate.get("expiry")
    return (not begins or date.fromisoformat(begins) <= day) and (not ends or day <= date.fromisoformat(ends))


def level_on(
    code: str, day: date, skills: Sequence[Mapping[str, Any]], certificates: Sequence[Mapping[str, Any]]
) -> int:
    """Returns how well a person does something on a day, 0 for not at all.

    A certificate of the code decides whether: who has one that does not hold cannot do it, whatever skill is named beside it. How well is
    said by the skill, or is UNGRADED.
    """
    proofs = [found for found in certificates if found["code"] == code]
    if proofs and not any(holds(found, day) for found in proofs):
        return 0
    named = next((found for found in skills if found["code"] == code), None)
    if named is None and not proofs:
        return 0
    return max(UNGRADED, int(named["level"]) if named else UNGRADED)
