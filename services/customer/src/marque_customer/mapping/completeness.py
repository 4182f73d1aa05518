"""Completeness of profiles between rows, cards and messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from marque.customer.v1 import customer_pb2, profile_pb2, profile_service_pb2
from marque.options.v1 import options_pb2 as data
from servicekit.db.base import etag_of
from servicekit.rpc.call import Call

from marque_customer.mapping.profiles import Faults
from marque_customer.mapping.times import stamp
from marque_customer.rules import completeness as rules
from marque_customer.rules.kinds import EMAIL, PHONE

# Which kind of data each field is: of what a caller may not see is not told either whether it is there.
CLASSES = {
    **dict.fromkeys((rules.NAME, rules.BIRTH_DATE, rules.GENDER), data.DATA_CLASS_IDENTITY),
    **dict.fromkeys(
        (rules.REACHABLE, rules.PHONE_FIELD, rules.VERIFIED_PHONE, rules.EMAIL_FIELD, rules.ADDRESS),
        data.DATA_CLASS_CONTACT,
    ),
    **dict.fromkeys((rules.OCCUPATION, rules.INCOME_BAND, rules.INTERESTS), data.DATA_CLASS_PROFILE),
}
_KINDS = {PHONE: rules.PHONE_FIELD, EMAIL: rules.EMAIL_FIELD}


def present(card: customer_pb2.Customer) -> frozenset[int]:
    """Returns which fields a customer's card holds."""
    plain = (
        (rules.NAME, card.name.full_name),
        (rules.ORGANISATION_NAME, card.organisation_name),
        (rules.REACHABLE, card.contact_points),
        (rules.ADDRESS, card.addresses),
        (rules.BIRTH_DATE, card.HasField("birth_date")),
        (rules.GENDER, card.gender),
        (rules.LANGUAGE, card.language),
        (rules.PREFERRED_CHANNEL, card.preferred_channel),
        (rules.TIME_ZONE, card.time_zone),
        (rules.OCCUPATION, card.occupation),
        (rules.INCOME_BAND, card.income_band),
        (rules.INTERESTS, card.interests),
        (rules.INDUSTRY, card.industry),
    )
    found = {field for field, value in plain if value}
    for point in card.contact_points:
        if point.kind in _KINDS:
            found.add(_KINDS[point.kind])
        if point.kind == PHONE and point.HasField("verify_time"):
            found.add(rules.VERIFIED_PHONE)
    return frozenset(found)


def message(call: Call, row: Any, version: Any) -> profile_pb2.ProfileCompleteness:
    """Returns what is missing of a customer (`customer_id, kind, stage, card`), as far as the caller may see it."""
    card = customer_pb2.Customer.FromString(row["card"])
    asked = rules.required(version.rules, row["kind"], row["stage"])
    shown = {field for field in asked if field not in CLASSES or call.principal.sees(CLASSES[field])}
    missing = sorted(shown - present(card))
    return profile_pb2.ProfileCompleteness(
        customer_id=str(row["customer_id"]),
        stage=row["stage"],
        required_fields=sorted(shown),  # type: ignore[arg-type]
        missing_fields=missing,  # type: ignore[arg-type]
        complete=not missing,
        rules_version=version.version,
    )


def rules_message(row: Any) -> profile_pb2.ProfileRules:
    """Returns the message of a version; the etag is of its number."""
    return profile_pb2.ProfileRules(
        version=row.version,
        requirements=[profile_pb2.ProfileRequirement(**one) for one in row.rules["requirements"]],
        create_time=stamp(row.create_time),
        etag=etag_of(row.version),
    )


def rules_values(message: profile_pb2.ProfileRules) -> dict[str, Any]:
    """Returns rules as they are stored. Raises InvalidArgument that names every wrong part."""
    faults, seen = Faults(), set()
    for place, one in enumerate(message.requirements):
        path = f"rules.requirements[{place}]"
        if (one.kind, one.stage) in seen:
            faults.add(path, "REQUIREMENT_REPEATED", "This kind and stage stand there already: say all in one.")
        seen.add((one.kind, one.stage))
        if rules.FOREIGN[one.kind] & set(one.fields):
            text = "A person has no such field, or an organisation has none: nobody could ever fill it."
            faults.add(f"{path}.fields", "FIELD_OF_OTHER_KIND", text)
    faults.check()
    return {
        "requirements": [
            {"kind": one.kind, "stage": one.stage, "fields": sorted(one.fields)} for one in message.requirements
        ]
    }


def report(
    rows: Iterable[Any], keys: Sequence[str], token: str, version: int, counting: bool
) -> profile_service_pb2.ListProfileCompletenessResponse:
    """Returns a page of a report from its cells (`key, field, asked, missing`), ordered by key and field."""
    lines = {key: profile_pb2.ProfileReportLine(key=key, share=1.0) for key in keys}
    for row in rows:
        line = lines[row.key]
        if row.field == rules.WHOLE:
            line.customers, line.complete = row.asked, row.asked - row.missing
        else:
            line.gaps.add(field=row.field, required=row.asked, missing=row.missing)
    for line in lines.values():
        if asked := sum(gap.required for gap in line.gaps):
            line.share = 1 - sum(gap.missing for gap in line.gaps) / asked
    return profile_service_pb2.ListProfileCompletenessResponse(
        lines=lines.values(), next_page_token=token, rules_version=version, counting=counting
    )
