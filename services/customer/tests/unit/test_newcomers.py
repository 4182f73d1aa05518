"""What an import puts together from bytes for new customers says the same as what is built for a customer by itself."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime

from hypothesis import example, given, settings
from hypothesis import strategies as st
from marque.customer.v1 import customer_events_pb2, customer_import_service_pb2, customer_pb2, relation_events_pb2
from marque_customer.mapping import customers, rows
from marque_customer.mapping.newcomers import Cards, EventForm
from marque_customer.mapping.wire import part, varint
from marque_customer.rules import documents
from marque_customer.rules.sources import MAKER
from marque_customer.usecases import creating
from marque_customer.usecases.drafts import Draft, Reference

NOW = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
Row = customer_import_service_pb2.CustomerImportRow

words = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=30)
sent = st.builds(
    Row,
    source_key=st.text(min_size=1, max_size=40, alphabet=st.characters(exclude_categories=("Cs", "Cc"))),
    kind=st.sampled_from(["", "person", "organisation"]),
    full_name=st.one_of(st.just("王伟"), words),
    family_name=words,
    given_name=words,
    latin_name=words,
    organisation_name=words,
    language=st.sampled_from(["", "zh-CN"]),
    time_zone=st.sampled_from(["", "Asia/Shanghai"]),
    occupation=words,
    income_band=words,
    interests=words,
    tags=st.sampled_from(["", "vip; new", "a；b；a"]),
    phone=st.sampled_from(["", "13800138000", "+49 160 1234567"]),
    second_phone=st.sampled_from(["", "+8613800138000", "+442079460958"]),
    email=st.sampled_from(["", "Anna.Miller@Example.org", "a+b@gmail.com"]),
    messaging_id=st.sampled_from(["", "kongming"]),
    messaging_provider=st.just("WeChat"),
    country_code=st.sampled_from(["CN", "de"]),
    province=words,
    city=words,
    postal_code=words,
    address_line=st.text("文三路 1", max_size=500),
    birth_date=st.sampled_from(["", "1980-02-29", "--07-23"]),
    gender=st.sampled_from(["", "f", "男", "undisclosed"]),
)

patiently = settings(deadline=None)  # the first example reads the tables of names


def alone(read: rows.ReadRow, customer_id: uuid.UUID) -> Draft:
    draft = Draft(customer_id=customer_id, kind=read.kind, create_time=NOW, status_time=NOW, **read.values)
    draft.add_points(read, "dms", NOW)
    draft.references.append(Reference("dms", read.key, NOW))
    return draft


class TestCards:
    @patiently
    @given(sent)
    @example(Row(source_key="k", full_name="王" * 100, address_line="路" * 1000, country_code="CN"))
    def test_card_is_the_message_of_the_customer(self, message: Row) -> None:
        read = rows.read(message, date(2026, 3, 1))
        if read.faults:
            return
        draft = alone(read, uuid.uuid4())
        made = Cards("dms", NOW).card(
            read, str(draft.customer_id), [str(point.contact_point_id) for point in draft.points]
        )
        expected = customers.card(draft, draft.points, draft.references, version=1, update_time=NOW)
        assert customer_pb2.Customer.FromString(made) == expected

    @patiently
    @given(sent, st.one_of(st.none(), st.uuids()))
    def test_search_document_is_that_of_the_customer(self, message: Row, dealer_id: uuid.UUID | None) -> None:
        read = rows.read(message, date(2026, 3, 1))
        if read.faults:
            return
        draft = alone(read, uuid.uuid4())
        expected = documents.build(
            row=draft,
            points=draft.points,
            keys=[read.key],
            vins=(),
            plates=(),
            dealers=[] if dealer_id is None else [dealer_id],
        )
        assert creating._document(creating.Newcomer(read, dealer_id, MAKER)) == expected


class TestEventForm:
    @patiently
    @given(st.uuids(), st.uuids(), st.uuids())
    def test_payload_is_the_event_of_the_ids(self, one: uuid.UUID, two: uuid.UUID, three: uuid.UUID) -> None:
        names = ("relation_id", "customer_id", "dealer_id")
        event = relation_events_pb2.RelationStarted(kind=7, aggregate_version=1)
        form = EventForm(event, *names)
        ids = [str(one), str(two), str(three)]
        expected = relation_events_pb2.RelationStarted(
            kind=7, aggregate_version=1, **dict(zip(names, ids, strict=True))
        )
        assert relation_events_pb2.RelationStarted.FromString(form.payload(*ids)) == expected

    def test_what_stood_in_the_place_of_an_id_is_gone(self) -> None:
        form = EventForm(customer_events_pb2.CustomerCreated(customer_id="x", source="dms"), "customer_id")
        key = str(uuid.uuid4())
        assert customer_events_pb2.CustomerCreated.FromString(form.payload(key)).customer_id == key


class TestPart:
    @patiently
    @given(st.integers(0, 300_000))
    def test_length_reads_back(self, size: int) -> None:
        data = part(b"\x0a", bytes(size))
        assert data[1 : -size or None] == varint(size)
        assert len(customer_events_pb2.CustomerCreated.FromString(part(b"\x0a", b"a" * size)).customer_id) == size
