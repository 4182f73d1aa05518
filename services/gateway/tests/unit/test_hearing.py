"""Positions, what is kept, and who may know of which event."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_gateway.hearing import Change, Hearing, read_positions, readers, readers_of
from servicekit import contract, roles


def change(service: str, sequence: int) -> Change:
    return Change(service, sequence, "", "t", "{}", frozenset(), frozenset(), frozenset())


def heard(events: list[str], buffer: int) -> tuple[Hearing, list[Change], list[dict[str, int]]]:
    """A hearing that heard one event of each service named, in order; all changes, and the positions after each."""
    hearing = Hearing({"a", "b", "c"}, buffer, lambda _: None)
    found: list[Change] = []
    at: list[dict[str, int]] = [{}]
    for service in events:
        found.append(change(service, at[-1].get(service, 0) + 1))
        at.append({**at[-1], service: found[-1].sequence})
        hearing._heard[service] = found[-1].sequence
        hearing._keep(found[-1])
    return hearing, found, at


class TestSince:
    @given(st.lists(st.sampled_from("abc"), max_size=30), st.integers(1, 30), st.data())
    def test_who_broke_off_anywhere_gets_exactly_the_rest_or_a_reset(
        self, events: list[str], buffer: int, data: st.DataObject
    ) -> None:
        hearing, found, at = heard(events, buffer)
        broke = data.draw(st.integers(0, len(events)))
        missed = hearing.since(at[broke])

        assert missed == (found[broke:] if len(events) - broke <= buffer else None)

    @given(st.lists(st.sampled_from("abc"), max_size=20), st.dictionaries(st.sampled_from("abc"), st.integers(0, 20)))
    def test_another_replicas_order_loses_and_doubles_nothing(self, events: list[str], known: dict[str, int]) -> None:
        hearing, found, at = heard(events, 100)
        missed = hearing.since(known)

        if any(known.get(name, 0) > at[-1].get(name, 0) for name in "abc"):
            assert missed is None
        else:
            assert missed == [one for one in found if one.sequence > known.get(one.service, 0)]


class TestReadPositions:
    @given(st.dictionaries(st.sampled_from(["customer", "network"]), st.integers(0, 2**63), min_size=1))
    def test_what_is_written_is_read(self, positions: dict[str, int]) -> None:
        assert read_positions(".".join(f"{name}:{number}" for name, number in positions.items())) == positions

    @given(st.text(max_size=40))
    def test_any_text_is_positions_or_refused(self, text: str) -> None:
        try:
            found = read_positions(text)
        except ValueError:
            return
        assert all(number >= 0 for number in found.values())


class TestReaders:
    @pytest.mark.parametrize(
        "event", [event.name for event in contract.events() if not event.name.endswith("Snapshot")]
    )
    def test_every_event_may_be_known_to_somebody_but_not_to_all(self, event: str) -> None:
        knowing = {role for role, held in roles.PERMISSIONS.items() if held & readers_of(event)}

        assert "oem.manager" in knowing
        assert len(knowing) < len(roles.PERMISSIONS)

    @pytest.mark.parametrize(
        ("owner", "aggregate", "permissions"),
        [
            ("network", "dealer", {"network.dealers.read", "network.dealers.list"}),
            ("vehicle", "recall_vehicle", {"vehicle.recalls.list_vehicles"}),
            ("customer", "fleet_deal_part", {"customer.fleet_deals.read", "customer.fleet_deals.list"}),
            ("network", "nothing_of_the_kind", set()),
        ],
    )
    def test_a_part_is_read_by_its_own_permissions_or_with_its_whole(
        self, owner: str, aggregate: str, permissions: set[str]
    ) -> None:
        assert readers(owner, aggregate) == permissions

    def test_who_may_read_a_whole_does_not_hear_of_a_part_that_is_kept_apart(self) -> None:
        assert readers("network", "dealer_contact")
        assert not readers("network", "dealer_contact") & {"network.dealers.read", "network.dealers.list"}
