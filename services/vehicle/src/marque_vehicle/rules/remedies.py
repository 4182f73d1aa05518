"""Which lines of a visit remedy a recall."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import orjson

from marque_vehicle.rules.lines import Line

RECALL = 3  # as payer of a line


def named(lines: Iterable[Line]) -> tuple[list[str], list[str]]:
    """Returns (operations, codes of complaints) of the lines that a recall pays: what a recall is known by at the workshop."""
    mine = [line for line in lines if line["pay_type"] == RECALL]
    operations = {item["operation_code"] for line in mine for item in line.get("labours", ())}
    return sorted(operations), sorted({line["complaint_code"] for line in mine if line.get("complaint_code")})


def patterns(code: str, operations: Sequence[str]) -> list[str]:
    """Returns, as JSON, what the lines of a visit hold that remedied a recall: one of these is enough."""
    lines: list[Line] = [{"pay_type": RECALL, "complaint_code": code}]
    lines += [{"pay_type": RECALL, "labours": [{"operation_code": one}]} for one in operations]
    return [orjson.dumps([line]).decode() for line in lines]
