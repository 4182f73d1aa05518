"""What a claim under the law of replacement and return rests on, as a page in the reader's language."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime, tzinfo
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from marque.vehicle.v1 import lemon_watch_service_pb2
from servicekit import fields
from servicekit.db.query import json_of
from servicekit.roles import NARRATIVE, visible_classes
from servicekit.rpc.call import Call

from marque_vehicle.rules import days
from marque_vehicle.rules.lemon import Watch

DEFAULT_LANGUAGE = "zh-CN"
_HERE = Path(__file__).parent


@cache
def words() -> dict[str, dict[str, Any]]:
    """Returns the words of the page by language."""
    found: dict[str, dict[str, Any]] = json.loads((_HERE / "lemon_words.json").read_text(encoding="utf-8"))
    return found


@cache
def _template() -> jinja2.Template:
    # What stations and owners wrote stands in it: everything is escaped, and a name that is missing is a fault.
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    return environment.get_template("lemon_evidence.html.j2")


def evidence_message(
    call: Call,
    sale: fields.Row,
    watch: Watch,
    visits: Iterable[fields.Row],
    codes: dict[Any, str],
    now: datetime,
    language: str,
) -> lemon_watch_service_pb2.LemonEvidence:
    """Returns the page; `codes` are the codes of the stations, times those of the seller's zone."""
    zone = days.zone(sale["time_zone"])
    told = NARRATIVE in visible_classes(call.principal.roles)
    shown = [_visit(row, codes, zone, told=told) for row in visits]
    language = language or DEFAULT_LANGUAGE
    html = _template().render(
        language=language,
        words=words()[language],
        vin=sale["vin"],
        watch=watch,
        visits=shown,
        numbers={visit["key"]: visit["number"] for visit in shown},
        now=_moment(now, zone),
    )
    digest = hashlib.sha256(html.encode()).hexdigest()
    name = f"{sale['vin']}-{language}.html"
    return lemon_watch_service_pb2.LemonEvidence(vin=sale["vin"], html=html, sha256=digest, file_name=name)


def _moment(moment: datetime, zone: tzinfo) -> str:
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")


def _visit(row: fields.Row, codes: dict[Any, str], zone: tzinfo, *, told: bool) -> dict[str, Any]:
    return {
        "key": str(row["repair_order_id"]),
        "number": row["number"],
        "station": codes.get(row["dealer_id"], ""),
        "opened": _moment(row["open_time"], zone),
        "closed": _moment(row["close_time"], zone) if row["close_time"] else "",
        "km": row["odometer_in_km"],
        "lines": [
            {
                "component": line.get("component_code") or line.get("complaint_code", ""),
                "safety": bool(line.get("safety_relevant")),
                "replaced": line.get("replaced_unit", 0),
                "cause": line.get("cause", "") if told else "",
                "correction": line.get("correction", "") if told else "",
            }
            for line in json_of(row["lines"])
        ],
    }
