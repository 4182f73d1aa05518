"""CloudEvents on NATS: what we write, the official SDK reads; what is no event of ours is told from one that is."""

from __future__ import annotations

import contextlib
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st
from marque.customer.v1.customer_events_pb2 import CustomersMerged
from servicekit import contract
from servicekit.messaging import envelope
from servicekit.messaging.envelope import BadEnvelope

TYPE = "marque.customer.v1.CustomersMerged"
AT = datetime(2026, 5, 1, 8, 30, tzinfo=UTC)
ID = "0190163d-8694-739b-aea5-966c26f8ad91"


def headers(**more: Any) -> dict[str, str]:
    wanted: dict[str, Any] = {
        "event_id": ID,
        "event_type": TYPE,
        "key": "c1",
        "version": 7,
        "time": AT,
        "traceparent": None,
    }
    return envelope.headers(**{**wanted, **more})


class TestHeaders:
    def test_the_official_sdk_reads_them(self) -> None:
        head = headers()
        attributes: dict[str, Any] = {key[3:]: value for key, value in head.items() if key.startswith("ce-")}
        attributes["time"] = datetime.fromisoformat(attributes["time"])
        attributes["datacontenttype"] = head["content-type"]

        event = CloudEvent(attributes=attributes, data=b"x")  # raises where a required attribute is missing or wrong

        assert (event.get_specversion(), event.get_id(), event.get_type()) == ("1.0", ID, TYPE)
        assert (event.get_source(), event.get_subject(), event.get_time()) == ("/marque/customer", "c1", AT)
        assert event.get_datacontenttype() == "application/protobuf"
        assert event.get_extension("aggregateversion") == "7"

    def test_the_broker_can_tell_doubles_by_the_events_id(self) -> None:
        assert headers()["Nats-Msg-Id"] == ID

    def test_time_is_written_in_utc(self) -> None:
        assert headers()["ce-time"] == "2026-05-01T08:30:00Z"

    def test_a_trace_is_carried_where_there_is_one(self) -> None:
        assert "traceparent" not in headers()
        assert headers(traceparent="00-a-b-01")["traceparent"] == "00-a-b-01"

    @pytest.mark.parametrize("event", contract.events(), ids=lambda event: event.name)
    def test_one_name_in_three_places(self, event: contract.EventType) -> None:
        head = headers(event_type=event.name)
        assert head["ce-type"] == event.message.DESCRIPTOR.full_name == envelope.subject(event.name)
        assert head["ce-source"] == f"/marque/{event.owner}"
        assert envelope.read(head, b"").type == event.name


class TestRead:
    def test_what_was_written_comes_back(self) -> None:
        data = CustomersMerged(customer_id="c1", merged_customer_id="c2", aggregate_version=7)

        found = envelope.read(
            {key.upper(): value for key, value in headers(traceparent="t").items()}, data.SerializeToString()
        )

        assert (found.id, found.type, found.key, found.version, found.time, found.traceparent) == (
            uuid.UUID(ID), TYPE, "c1", 7, AT, "t"
        )  # fmt: skip
        assert found.data == data

    @pytest.mark.parametrize("missing", ["ce-id", "ce-type", "ce-subject", "ce-time"])
    def test_a_missing_attribute_is_a_bad_envelope(self, missing: str) -> None:
        head = headers()
        del head[missing]
        with pytest.raises(BadEnvelope):
            envelope.read(head, b"")

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("ce-id", "x"), ("ce-time", "yesterday"), ("ce-time", ""), ("ce-aggregateversion", "seven"),
            ("ce-aggregateversion", "9" * 5000), ("ce-type", "marque.customer.v1.CustomerService"),
            ("ce-type", "marque.customer.v1.Customer"), ("ce-type", "no.such.Type"), ("ce-type", ""), ("ce-type", "\udcff"),
        ],
    )  # fmt: skip
    def test_a_wrong_attribute_is_a_bad_envelope(self, name: str, value: str) -> None:
        with pytest.raises(BadEnvelope) as caught:
            envelope.read({**headers(), name: value}, b"")
        assert not value or value not in str(caught.value)

    @pytest.mark.parametrize("payload", [b"\xff", b"\x0a\x02\xff\xfe", b"\x0a\x7f"])
    def test_a_payload_that_is_no_message_is_a_bad_envelope(self, payload: bytes) -> None:
        with pytest.raises(BadEnvelope):
            envelope.read(headers(), payload)

    def test_no_headers_at_all_are_a_bad_envelope(self) -> None:
        with pytest.raises(BadEnvelope):
            envelope.read(None, b"")

    @given(st.dictionaries(st.sampled_from(sorted(headers())), st.text(max_size=60)), st.binary(max_size=60))
    def test_garbage_is_read_or_a_bad_envelope(self, head: dict[str, str], payload: bytes) -> None:
        with contextlib.suppress(BadEnvelope):
            envelope.read({**headers(), **head}, payload)
