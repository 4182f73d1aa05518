"""Complaints of the last two years about one car of the sample: as many each month as ever, and of late more about its brakes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date

from marque.complaint.v1.case_import_rows_pb2 import CaseImportRow

from marquectl.world.cars import WORLD_DAY

MAKE, MODEL, MODEL_YEAR = "Marque", "Cross", 2024
RISING = "SERVICE BRAKES"
_MONTHS, _RISEN = 22, 6
# component, category, what is told, how many a month, and how many in the last months
_STORIES = (
    ("ENGINE", "FAULT", ("冷启动后发动机抖动，怠速不稳。", "The engine shakes after a cold start."), 3, 3),
    (
        "ELECTRICAL SYSTEM",
        "FAULT",
        ("中控屏行驶中黑屏，需要重启。", "The screen goes dark and has to be restarted."),
        2,
        2,
    ),
    ("SERVICE:服务态度", "SERVICE", ("预约后仍然等待两小时。", "I waited two hours in spite of an appointment."), 1, 1),
    (
        RISING,
        "FAULT",
        ("刹车踏板变软，制动距离变长。", "The brake pedal is soft and the car takes long to stop."),
        1,
        9,
    ),
)


def case_rows(seed: int) -> Iterator[CaseImportRow]:
    """The rows, closed cases of another system, in the order of their months."""
    dice = random.Random(f"{seed}:troubles")
    number = 0
    for back in range(_MONTHS, 0, -1):
        at = WORLD_DAY.year * 12 + WORLD_DAY.month - back
        month = date(at // 12, at % 12 + 1, 1)
        for component, category, texts, usual, risen in _STORIES:
            for _ in range(risen if back <= _RISEN else usual):
                number += 1
                yield CaseImportRow(
                    row=number,
                    source_key=f"past-{number:04}",
                    receive_date=month.replace(day=dice.randrange(1, 29)).isoformat(),
                    make=MAKE,
                    model=MODEL,
                    model_year=str(MODEL_YEAR),
                    description=dice.choice(texts),
                    component=component,
                    category=category,
                    odometer_km=str(dice.randrange(500, 70_000)),
                )
