"""Provenance, merges and pairs of the queue between rows and messages."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from google.type import date_pb2
from marque.customer.v1 import customer_pb2, identity_service_pb2, merge_pb2, provenance_pb2
from marque.type.v1 import address_pb2, person_name_pb2
from servicekit.db.base import etag_of
from servicekit.masking import personal_fields, show
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call

from marque_customer.mapping.customers import shown
from marque_customer.mapping.times import stamp
from marque_customer.rules import birth, reasons
from marque_customer.rules.records import CONTACTS
from marque_customer.rules.sources import MAKER
from marque_customer.rules.survivorship import RULES, Statement

_TEXTS = frozenset({"language", "time_zone", "industry"})
_TRAITS = frozenset({"occupation", "income_band"})
_TITLES = frozenset({"latin_name", "organisation_name"})


def provenance(
    call: Call,
    family: Sequence[uuid.UUID],
    fields: Sequence[str],
    told: Mapping[str, tuple[Sequence[Statement], Sequence[Statement]]],
    points: Sequence[Any],
) -> identity_service_pb2.GetCustomerProvenanceResponse:
    """Returns where a customer's values come from. `told`: unit → (what wins, everything said); `points`: the contact points of all."""
    answer = identity_service_pb2.GetCustomerProvenanceResponse(customer_id=str(family[0]))
    for unit, (golden, said) in told.items():
        if said and (not fields or unit in fields):
            part = answer.fields.add(field=unit, rule=RULES[unit].order)
            for one in sorted(said, key=lambda item: (item not in golden, -item.time.timestamp())):
                _state(part.statements.add(), one, family, golden=one in golden)
    if points and (not fields or CONTACTS in fields):
        part = answer.fields.add(field=CONTACTS, rule=("verified", "survivor"))
        for point in points:
            _point(part.statements.add(), point)
    visible = visible_classes(call.principal.roles)
    masked: identity_service_pb2.GetCustomerProvenanceResponse = show(
        call, answer, "customer", answer.customer_id, visible
    )
    if answer.fields and not call.principal.is_service:  # what is said stands a level lower than the kit looks
        call.saw("customer", answer.customer_id, personal_fields(provenance_pb2.Statement.DESCRIPTOR.full_name))
    return masked


def _state(message: Any, said: Statement, family: Sequence[uuid.UUID], *, golden: bool) -> None:
    record = said.record
    message.golden, message.customer_id, message.origin = golden, str(family[said.member]), said.origin
    message.source, message.source_key = record.source, record.source_key
    message.dealer_id = "" if record.dealer_id == MAKER else str(record.dealer_id)
    message.state_time.CopyFrom(stamp(said.time))
    message.verified, message.actor = said.verified, said.actor
    if not said.is_empty:
        _value(message, said)


def _value(message: Any, said: Statement) -> None:
    unit, values = said.unit, said.values
    single = next(iter(values.values()))
    if unit == "name":
        message.name.CopyFrom(person_name_pb2.PersonName(**values))
    elif unit in _TITLES:
        message.title = single
    elif unit == "birth_date":
        year, month, day = birth.parts(single)
        message.birth_date.CopyFrom(date_pb2.Date(year=year, month=month, day=day))
    elif unit in ("gender", "preferred_channel"):
        setattr(message, unit, single)
    elif unit in _TRAITS:
        message.trait = single
    elif unit in _TEXTS:
        message.text = single
    elif unit == "addresses":
        message.addresses.addresses.extend(_address(item) for item in single)
    else:
        getattr(message, unit).labels.extend(single)


def _address(item: dict[str, Any]) -> customer_pb2.CustomerAddress:
    return customer_pb2.CustomerAddress(
        address=address_pb2.Address(**item["address"]),
        label=item["label"],
        primary=item["primary"],
        source=item["source"],
    )


def _point(message: Any, given: tuple[Any, bool]) -> None:
    point, golden = given
    message.golden, message.customer_id, message.source = golden, str(point.customer_id), point.source
    message.state_time.CopyFrom(stamp(point.verify_time or point.create_time))
    message.verified = point.verify_time is not None
    message.contact_point = point.value


def merge_for(call: Call) -> Callable[[Any], merge_pb2.CustomerMerge]:
    """Returns the rendering of a merge for a caller."""
    visible = visible_classes(call.principal.roles)

    def render(row: Any) -> merge_pb2.CustomerMerge:
        message = merge_pb2.CustomerMerge(
            merge_id=str(row.merge_id),
            customer_id=str(row.customer_id),
            merged_customer_id=str(row.merged_customer_id),
            merge_time=stamp(row.merge_time),
            source=row.source,
            reasons=row.reasons,
            actor=row.actor,
            unmerge_time=stamp(row.unmerge_time) if row.unmerge_time else None,
            unmerge_reason=row.unmerge_reason,
            unmerge_actor=row.unmerge_actor,
        )
        masked: merge_pb2.CustomerMerge = show(call, message, "customer_merge", message.merge_id, visible)
        return masked

    return render


def outcomes_for(call: Call) -> Callable[[Any], identity_service_pb2.BatchMergeCustomersResponse]:
    """Returns the rendering of what became of many pairs: merges, and errors that refused."""
    merge = merge_for(call)

    def render(outcomes: Any) -> identity_service_pb2.BatchMergeCustomersResponse:
        answer = identity_service_pb2.BatchMergeCustomersResponse()
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                answer.outcomes.add(reason=_reason(outcome), message=str(outcome))
            else:
                answer.outcomes.add(merge=merge(outcome))
        return answer

    return render


def _reason(error: Any) -> str:
    violations = getattr(error, "violations", None)
    return str(violations[0].reason if violations else error.reason)


def candidate_for(call: Call) -> Callable[[Any], merge_pb2.DuplicateCandidate]:
    """Returns the rendering of a pair for a caller; it takes (row, cards of the customers)."""
    visible = visible_classes(call.principal.roles)

    def render(found: Any) -> merge_pb2.DuplicateCandidate:
        row, cards = found
        message = merge_pb2.DuplicateCandidate(
            candidate_id=str(row.candidate_id),
            score=row.score,
            source=row.source,
            state=row.state,
            create_time=stamp(row.create_time),
            decide_time=stamp(row.decide_time) if row.decide_time else None,
            decider=row.decider,
            review_time=stamp(row.review_time) if row.review_time else None,
            merge_id=str(row.merge_id or ""),
            etag=etag_of(row.version),
        )
        for item in row.reasons:
            message.reasons.add(
                code=item["code"], text=reasons.text(item["code"], call.language), weight=item.get("weight", 0.0)
            )
        masked: merge_pb2.DuplicateCandidate = show(call, message, "duplicate_candidate", message.candidate_id, visible)
        masked.left.CopyFrom(shown(call, cards[row.left_id]))
        masked.right.CopyFrom(shown(call, cards[row.right_id]))
        return masked

    return render
