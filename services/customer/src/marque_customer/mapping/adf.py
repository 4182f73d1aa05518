"""What an ADF prospect, a web form or a row of a file means for us: a person and a wish."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from marque.customer.v1 import lead_intake_service_pb2, lead_pb2
from tradekit import names, vin
from tradekit.adf import AdfProblem, AdfProspect, AdfVehicle

from marque_customer.mapping.leads import interest_values, place_values
from marque_customer.rules.inbound import tracking_code
from marque_customer.rules.lead_people import HOME_COUNTRY, Told, contacts_of

_KINDS = {
    "buy": lead_pb2.LEAD_INTEREST_KIND_BUY,
    "lease": lead_pb2.LEAD_INTEREST_KIND_LEASE,
    "sell": lead_pb2.LEAD_INTEREST_KIND_SELL,
    "trade-in": lead_pb2.LEAD_INTEREST_KIND_TRADE_IN,
    "test-drive": lead_pb2.LEAD_INTEREST_KIND_TEST_DRIVE,
}
_CONDITIONS = {"new": lead_pb2.LEAD_CAR_CONDITION_NEW, "used": lead_pb2.LEAD_CAR_CONDITION_USED}
_COUNTRIES = {"USA": "US", "UNITED STATES": "US", "CANADA": "CA", "CAN": "CA", "CHINA": "CN", "CHN": "CN", "中国": "CN"}
# ADF is a format of North America: a number without a country is one of ours at home, else of there.
_ADF_COUNTRIES = (HOME_COUNTRY, "US")
_MOST_DAYS = 3650
_CODES = {
    "VALUE_INVALID": "The value is not one that can be used, and was passed over.",
    "MISSING": "A phone number or an e-mail address is needed.",
    "DEALER_UNKNOWN": "No dealer of ours has this code or name; the platform finds one.",
}


def told_of(prospect: AdfProspect) -> Told:
    """Returns the person of a prospect."""
    contact = prospect.contact
    given = _COUNTRIES.get(contact.country, contact.country)
    country = given if len(given) == 2 and given.isascii() and given.isalpha() else ""
    best = None
    for region in (country,) if country else _ADF_COUNTRIES:
        found = contacts_of(contact.phones, contact.emails, contact.faxes, region, "customer/contact/")
        if best is None or len(found[1]) < len(best[1]):
            best = found
    assert best is not None
    return Told(
        full_name=names.tidy(contact.full_name),
        given_name=names.tidy(contact.given_name),
        family_name=names.tidy(contact.family_name),
        business=contact.business and bool(contact.full_name),
        contacts=best[0],
        faults=best[1],
        country=country,
        lines=tuple(names.tidy(line) for line in contact.lines),
        city=names.tidy(contact.city),
        province=names.tidy(contact.region),
        postal_code=contact.postal_code,
    )


def wish_of(prospect: AdfProspect, told: Told, now: datetime) -> tuple[dict[str, Any], list[AdfProblem]]:
    """Returns the columns of a prospect's wish, and what of it could not be used."""
    problems: list[AdfProblem] = []
    wanted = [one for one in prospect.vehicles if one.interest not in ("sell", "trade-in")]
    given = [one for one in prospect.vehicles if one.interest in ("sell", "trade-in")]
    main = (wanted or given or [None])[0]
    interest = _interest(main, problems) if main else {"kind": int(_KINDS["buy"])}
    if wanted and given:
        interest["trade_in"] = " ".join(filter(None, (str(given[0].year or ""), given[0].make, given[0].model)))[:200]
    texts = [prospect.comments, *(one.comments for one in prospect.vehicles)]
    days = None
    if prospect.timeframe is not None:
        texts.append(prospect.timeframe.description)
        moment = prospect.timeframe.latest or prospect.timeframe.earliest
        days = min(max((moment - now).days, 0), _MOST_DAYS) if moment else None
    place = {"country_code": told.country, "postal_code": told.postal_code} if told.country and told.postal_code else {}
    return {
        "source": lead_pb2.LEAD_SOURCE_ADF,
        "source_detail": prospect.provider[:100],
        "interest": {name: value for name, value in interest.items() if value},
        "timeframe_days": days,
        "comments": "\n".join(dict.fromkeys(text for text in texts if text))[:4000],
        "place": place,
    }, problems


def _interest(car: AdfVehicle, problems: list[AdfProblem]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "kind": int(_KINDS[car.interest]),
        "condition": int(_CONDITIONS.get(car.condition, 0)),
        "brand": names.tidy(car.make),
        "model": names.tidy(car.model),
        "model_year": car.year,
        "trim": names.tidy(car.trim),
        "colour": names.tidy(car.colour),
    }
    if car.vin:
        try:
            found["vin"] = vin.normalise(car.vin)
        except vin.VinError:
            problems.append(problem("vehicle/vin", "VALUE_INVALID"))
    return found


def problem(field: str, reason: str) -> AdfProblem:
    """Returns a problem in our words."""
    return AdfProblem(field, reason, _CODES[reason])


def result(
    number: int, prospect_id: str, outcome: int, lead_id: object, problems: Any, intake_id: uuid.UUID
) -> lead_intake_service_pb2.ProspectResult:
    """Returns what became of a prospect."""
    found = lead_intake_service_pb2.ProspectResult(number=number, prospect_id=prospect_id, lead_id=str(lead_id or ""))
    found.outcome = outcome  # type: ignore[assignment]
    if lead_id:
        found.tracking_code = tracking_code(intake_id)
    for field, reason, description in problems:
        found.problems.add(field=field, reason=reason, description=description)
    return found


def web_told(request: lead_intake_service_pb2.SubmitWebLeadRequest) -> Told:
    """Returns the person of a form; its faults name the fields of the request."""
    country = request.place.country_code or HOME_COUNTRY
    phones, emails = ([text] if text.strip() else [] for text in (request.phone, request.email))
    contacts, faults = contacts_of(phones, emails, (), country)
    name = names.tidy(request.name)
    return Told(name, "", "", False, contacts, tuple((path.partition("[")[0], code) for path, code in faults), country)


def web_wish(request: lead_intake_service_pb2.SubmitWebLeadRequest) -> dict[str, Any]:
    """Returns the columns of a form's wish. Raises InvalidArgument."""
    return {
        "source": lead_pb2.LEAD_SOURCE_WEB_FORM,
        "source_detail": request.page,
        "interest": interest_values(request.interest, "interest") or {"kind": int(_KINDS["buy"])},
        "timeframe_days": request.timeframe_days if request.HasField("timeframe_days") else None,
        "comments": request.comments.strip(),
        "place": place_values(request.place, "place"),
    }


def row_told(row: Any) -> Told:
    """Returns the person of a row; its faults name the columns."""
    country = row.country_code.upper() or HOME_COUNTRY
    phones, emails = ([text] if text.strip() else [] for text in (row.phone, row.email))
    contacts, faults = contacts_of(phones, emails, (), country)
    name = names.tidy(row.full_name)
    return Told(name, "", "", False, contacts, tuple((path.partition("[")[0], code) for path, code in faults), country)


def row_wish(row: Any, source: str) -> tuple[dict[str, Any], list[str]]:
    """Returns the columns of a row's wish, and the columns of the row that hold no number though they should."""
    wrong = [
        name
        for name in ("timeframe_days", "model_year")
        if (text := getattr(row, name).strip()) and not (text.isascii() and text.isdigit() and int(text) <= _MOST_DAYS)
    ]
    number = lambda name: int(getattr(row, name)) if name not in wrong and getattr(row, name).strip() else None  # noqa: E731
    interest = {
        "kind": int(_KINDS[row.interest or "buy"]),
        "condition": int(_CONDITIONS.get(row.condition, 0)),
        "model_year": number("model_year"),
        **{name: names.tidy(getattr(row, name)) for name in ("brand", "model", "trim")},
    }
    place = {}
    if row.postal_code:
        place = {"country_code": row.country_code.upper() or HOME_COUNTRY, "postal_code": row.postal_code}
    return {
        "source": lead_pb2.LEAD_SOURCE_IMPORT,
        "source_detail": source[:100],
        "interest": {name: value for name, value in interest.items() if value},
        "timeframe_days": number("timeframe_days"),
        "comments": row.comments.strip(),
        "place": place,
    }, wrong
