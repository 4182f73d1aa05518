"""The list answer that is put together from ready bytes equals the one that the library would write."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st
from marque.customer.v1 import customer_pb2, customer_service_pb2
from marque_customer.mapping import customers as mapping
from servicekit.rpc.call import Call
from servicekit.rpc.principal import Principal

AGENT = Principal(subject="a", roles=frozenset({"oem.agent"}))
MARKETING = Principal(subject="m", roles=frozenset({"oem.marketing"}))


def rows(notes):
    return [
        {
            "customer_id": uuid.UUID(int=n),
            "card": customer_pb2.Customer(
                customer_id=str(uuid.UUID(int=n)), occupation=note, organisation_name="x"
            ).SerializeToString(),
        }
        for n, note in enumerate(notes)
    ]


class TestPage:
    @given(st.lists(st.text(max_size=400), max_size=5), st.text(max_size=20))
    def test_bytes_are_those_of_the_message(self, notes, token):
        found = rows(notes)
        call = Call(AGENT, "m")
        answer = customer_service_pb2.ListCustomersResponse.FromString(
            mapping.page(call, found, token).SerializeToString()
        )
        assert answer.next_page_token == token
        assert [customer.SerializeToString() for customer in answer.customers] == [row["card"] for row in found]
        assert len(call.seen) == len(found)

    def test_who_may_not_see_names_gets_none(self):
        call = Call(MARKETING, "m")
        (customer,) = mapping.page(call, rows(["baker"]), "").customers
        assert (customer.occupation, customer.organisation_name) == ("baker", "")
        assert "organisation_name" in customer.masked_fields
