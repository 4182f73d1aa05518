from __future__ import annotations

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from hypothesis import given
from hypothesis import strategies as st
from marque.network.v1 import dealer_pb2
from marque_network.mapping.patches import patched
from servicekit.errors import InvalidArgument

DEALER = dealer_pb2.Dealer(
    dealer_id="d", code="C1", names={"en": "A"}, kinds=[1, 2], group_code="G", time_zone="UTC", status=2, etag="v1"
)
WRITABLE = ["names", "kinds", "group_code", "brands", "address", "address.city", "phone", "location", "service_bays"]


class TestPatched:
    @given(st.sets(st.sampled_from(WRITABLE), min_size=1), st.text(max_size=5), st.integers(0, 9))
    def test_only_what_the_mask_names_changes(self, mask: set[str], text: str, bays: int) -> None:
        given_ = dealer_pb2.Dealer(
            names={"de": "B"}, kinds=[3], group_code=text, brands=[text], phone=text, service_bays=bays,
            address={"city": text, "province": "P"}, location={"latitude": 1.0},
        )  # fmt: skip
        merged, fields = patched(DEALER, given_, FieldMask(paths=sorted(mask)), prefix="dealer")
        named = {path.split(".")[0] for path in mask}
        assert set(fields) <= named
        for field in DEALER.DESCRIPTOR.fields:
            if field.name not in named:
                assert getattr(merged, field.name) == getattr(DEALER, field.name)
        if "address.city" in mask and "address" not in mask:
            assert merged.address.province == ""

    def test_what_was_read_and_sent_back_changes_nothing(self) -> None:
        _, fields = patched(DEALER, DEALER, FieldMask(), prefix="dealer")
        assert fields == ()

    def test_every_wrong_path_is_named(self) -> None:
        mask = FieldMask(paths=["nope", "create_time", "names.en", "phone"])
        with pytest.raises(InvalidArgument) as error:
            patched(DEALER, dealer_pb2.Dealer(), mask, prefix="dealer")
        assert [one.reason for one in error.value.violations] == [
            "FIELD_UNKNOWN",
            "FIELD_NOT_WRITABLE",
            "FIELD_UNKNOWN",
        ]

    @pytest.mark.parametrize("name", ["names", "kinds", "time_zone", "status"])
    def test_what_is_needed_cannot_be_emptied(self, name: str) -> None:
        with pytest.raises(InvalidArgument) as error:
            patched(DEALER, dealer_pb2.Dealer(), FieldMask(paths=[name]), prefix="dealer")
        assert [(one.field, one.reason) for one in error.value.violations] == [(f"dealer.{name}", "FIELD_REQUIRED")]
