"""Files with bad rows, of every kind of import in the contracts: told row by row with column and reason, and the good rows land.

A kind joins by one fixture in `servicekit.testing.import_kinds`; the suite fails for a kind without one.
"""

from __future__ import annotations

import asyncio

import pytest
from servicekit import contract
from servicekit.testing.access.cast import Cast
from servicekit.testing.import_files import TEXT_FORMS, Desk, counts, written
from servicekit.testing.import_kinds import FORMULA, KINDS
from servicekit.testing.sizes import part

OTHERS = ["tsv", "jsonl", "xlsx", "parquet"]  # forms beside CSV, which every kind is tried in
ENCODED = ["csv", "jsonl"]
READ = ["utf-8", "utf-8-sig", "gb18030"]
UNREAD = ["utf-16", "utf-16-le", "utf-16-be", "utf-32"]
LONG = "长" * 140_000  # longer than any reader of tables takes for one value


@pytest.fixture(params=sorted(KINDS))
def desk(request: pytest.FixtureRequest, cast: Cast) -> Desk:
    return Desk(cast, request.param)


def turn(desk: Desk, of: list[str], more: int = 0) -> list[str]:
    """The one of some forms or encodings that a kind gets in the short size: the reader of files is the same for all kinds."""
    return part(of, len(of), sorted(KINDS).index(desk.name) + more)


def test_every_kind_of_the_contracts_has_a_fixture() -> None:
    found = {
        "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name.removeprefix("Import"))[1:]
        for service in contract.services()
        for name, method in contract.methods(service).items()
        if name.startswith("Import") and method.client_streaming
    }
    assert found == set(KINDS)


@pytest.mark.soak
async def test_bad_rows_are_told_by_number_column_and_reason_and_the_good_ones_land(desk: Desk, soaking: bool) -> None:
    for form in ["csv", *(OTHERS if soaking else turn(desk, OTHERS))]:
        await told_row_by_row(Desk(desk.cast, desk.name), form)


async def told_row_by_row(desk: Desk, form: str) -> None:
    rows, wanted = [await desk.row()], {}
    for (column, value), reason in desk.kind.bad.items():
        if form == "xlsx" and value.startswith("="):
            continue  # a formula of a sheet counts by the value that was last computed there
        rows += [await desk.row(**{column: value}), await desk.row()]
        place = desk.kind.path.get(column, column)
        wanted[len(rows) - 1] = {"names" if place == "name_zh_cn" else place: reason}
    good = [row for number, row in enumerate(rows, 1) if number not in wanted]

    done = await desk.send(written(rows, form), form)

    assert await desk.faults() == wanted, form
    assert counts(done) == {"created": len(good), "rejected": len(wanted)}, form
    assert counts(await desk.send(written(good, "csv"))) == {"unchanged": len(good)}


@pytest.mark.soak
@pytest.mark.parametrize("encoding", READ)
async def test_what_is_written_in_chinese_arrives_as_it_was_written(desk: Desk, encoding: str, soaking: bool) -> None:
    if not desk.kind.text:
        return  # codes and numbers only
    text = "碰撞𠮷龘é"  # one of them beyond the basic plane
    for form in ENCODED if soaking else turn(desk, ENCODED, READ.index(encoding)):
        rows = [await desk.row(**{desk.kind.text: text}) for _ in range(3)]

        assert counts(await desk.send(written(rows, form, encoding), form)) == {"created": 3}, form
        assert counts(await desk.send(written(rows, "parquet"), "parquet")) == {"unchanged": 3}, form


@pytest.mark.soak
async def test_an_encoding_that_is_not_read_fails_the_file_by_name_and_writes_nothing(
    desk: Desk, soaking: bool
) -> None:
    for encoding in UNREAD if soaking else turn(desk, UNREAD):
        rows = [await desk.row() for _ in range(3)]

        done = await desk.send(written(rows, "csv", encoding))

        assert done["state"] == "IMPORT_STATE_FAILED", encoding
        assert done["failureReason"] == "IMPORT_ENCODING_UNKNOWN", encoding
        assert counts(await desk.send(written(rows, "csv"))) == {"created": 3}, encoding


async def test_a_header_of_no_characters_spoils_its_column_only(cast: Cast) -> None:
    desk = Desk(cast, "dealers")
    rows = [await desk.row() for _ in range(2)]
    content = TEXT_FORMS["csv"](rows).encode()

    done = await desk.send(content.replace(b"name_zh_cn", b"names.\xff\0"))

    assert [next(iter(found.values())) for found in (await desk.faults()).values()] == ["TEXT_INVALID"] * 2
    assert counts(done) == {"rejected": 2}


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
async def test_bytes_that_are_no_characters_are_one_bad_row(desk: Desk, encoding: str) -> None:
    if not desk.kind.text:
        return
    rows = [await desk.row(**{desk.kind.text: "好的好的"}) for _ in range(4)]
    lines = TEXT_FORMS["csv"](rows).encode(encoding).split(b"\r\n")
    spot = lines[2].find("好".encode(encoding))
    lines[2] = lines[2][:spot] + b"\xff" + lines[2][spot + 1 :]

    done = await desk.send(b"\r\n".join(lines))

    assert await desk.faults() == {2: {"": "TEXT_UNDECODABLE"}}
    assert counts(done) == {"created": 3, "rejected": 1}


async def test_rows_out_of_shape_are_told_and_hold_nobody_back(desk: Desk) -> None:
    if not desk.kind.text:
        return
    rows = [await desk.row() for _ in range(9)]
    rows[2][desk.kind.text] = LONG
    rows[3][desk.kind.text] = "nul\0nul"
    rows[4][desk.kind.key] = ""
    rows[6][desk.kind.key] = "\0"
    lines = TEXT_FORMS["csv"](rows).split("\r\n")
    lines[2] += ",too,many"
    lines[6] = lines[6].split(",")[0]

    done = await desk.send("\r\n".join(lines).encode())

    faults = await desk.faults()
    assert set(faults) - {6} == {2, 3, 4, 5, 7}
    assert faults[2] == {"": "ROW_TOO_WIDE"}
    assert faults[3] == {"": "ROW_UNREADABLE"}
    assert list(faults[4].values()) == ["CHARACTER_NUL"]
    assert set(faults[5]) == {desk.kind.key}
    assert set(faults[7]) == {desk.kind.key}
    assert counts(done)["rejected"] == len(faults)


async def test_a_formula_is_a_text_like_any_other_and_comes_back_as_one(desk: Desk) -> None:
    if not desk.kind.text:
        return
    texts = [FORMULA[:40], "+1+1", "@SUM(1)", "-2", "\t=1"]
    rows = [await desk.row(**{desk.kind.text: text}) for text in texts]

    first = counts(await desk.send(written(rows, "csv")))

    assert first == {"created": len(texts)}
    assert counts(await desk.send(written(rows, "jsonl"), "jsonl")) == {"unchanged": len(texts)}


async def test_a_key_twice_in_a_file_is_one_row_in_its_last_state(desk: Desk) -> None:
    row, other = await desk.row(), await desk.row()

    done = await desk.send(written([row, other, row], "csv"))

    assert counts(done) == {"created": 2, "unchanged": 1}
    assert counts(await desk.send(written([row, other], "csv"))) == {"unchanged": 2}


async def test_a_dry_run_of_bad_rows_tells_the_same_and_writes_nothing(desk: Desk) -> None:
    (column, value), reason = next(iter(desk.kind.bad.items()))
    rows = [await desk.row(), await desk.row(**{column: value})]

    tried = await desk.send(written(rows, "csv"), dryRun="true")
    told = await desk.faults()
    done = await desk.send(written(rows, "csv"))

    assert counts(tried) == counts(done) == {"created": 1, "rejected": 1}
    assert told == await desk.faults() == {2: {desk.kind.path.get(column, column): reason}}


async def test_a_file_that_breaks_off_leaves_what_its_counts_say(desk: Desk) -> None:
    rows = [await desk.row() for _ in range(3)]
    whole = {form: written(rows, form) for form in ("xlsx", "parquet", "jsonl")}

    broken = {form: await desk.send(content[: len(content) - 9], form) for form, content in whole.items()}

    assert [broken[form]["state"] for form in ("xlsx", "parquet")] == ["IMPORT_STATE_FAILED"] * 2
    assert await desk.faults() == {3: {"": "JSON_INVALID"}}
    assert counts(broken["jsonl"]) == {"created": 2, "rejected": 1}
    assert counts(await desk.send(written(rows, "csv"))) == {"created": 1, "unchanged": 2}


async def test_a_dealer_s_system_is_told_of_another_dealer_s_rows_as_of_none(desk: Desk) -> None:
    """The kinds that dealers' systems bring: naming another dealer is a fault of the row, and the row's own goes on."""
    if desk.kind.service == "network":
        return  # dealers' systems import nothing there
    home, other = desk.cast.row("dealer", "own"), desk.cast.row("dealer", "other")
    token = desk.cast.world.platform.token("dealer.system", dealers=[home.id])
    desk.headers = {"authorization": f"Bearer {token}"}
    rows = [await desk.row(), await desk.row(), await desk.row()]
    if "dealer_code" not in rows[0]:
        return  # cars are nobody's
    rows[1]["dealer_code"], rows[2]["dealer_code"] = other["code"], "NOWHERE"

    done = await desk.send(written(rows, "csv"))

    faults = await desk.faults()
    assert faults[2] == faults[3]
    assert counts(done) == {"created": 1, "rejected": 2}


async def test_many_files_at_once_do_not_mix(cast: Cast) -> None:
    desks = [Desk(cast, "customers") for _ in range(4)]
    files = [written([await desk.row(), await desk.row(phone="12")], "csv") for desk in desks]

    done = await asyncio.gather(*(desk.send(file) for desk, file in zip(desks, files, strict=True)))

    assert [counts(one) for one in done] == [{"created": 1, "rejected": 1}] * 4
    assert [await desk.faults() for desk in desks] == [{2: {"phone": "CONTACT_POINT_INVALID"}}] * 4
