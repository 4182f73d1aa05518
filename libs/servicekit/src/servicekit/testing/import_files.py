"""Files for imports of every kind, good and spoilt, and their way through the HTTP door. A kind joins by one fixture in `import_kinds`."""

from __future__ import annotations

import csv
import io
import json
import uuid
from typing import Any

import polars
from openpyxl import Workbook

from servicekit.testing.access.cast import Cast
from servicekit.testing.import_kinds import KINDS, Row
from servicekit.testing.platform import until

KPI_BODY = {"names": {"en": "Rows"}, "unit": "KPI_UNIT_COUNT", "summary": "KPI_SUMMARY_SUM"}
TEXT_FORMS = {
    "csv": lambda rows: _table(rows, ","),
    "tsv": lambda rows: _table(rows, "\t"),
    "jsonl": lambda rows: "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows),
}


def _table(rows: list[Row], delimiter: str) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def sheet(rows: list[Row]) -> bytes:
    book, file = Workbook(), io.BytesIO()
    book.active.append(list(rows[0]))
    for row in rows:
        book.active.append(list(row.values()))
    book.save(file)
    return file.getvalue()


def parquet(rows: list[Row]) -> bytes:
    file = io.BytesIO()
    polars.DataFrame(rows).write_parquet(file)
    return file.getvalue()


def written(rows: list[Row], form: str, encoding: str = "utf-8") -> bytes:
    if form == "xlsx":
        return sheet(rows)
    return parquet(rows) if form == "parquet" else TEXT_FORMS[form](rows).encode(encoding)


class Desk:
    """Sends files of one kind as the maker's manager, and reads what became of them."""

    def __init__(self, cast: Cast, name: str) -> None:
        self.cast, self.name, self.kind = cast, name, KINDS[name]
        self.mark = uuid.uuid4().hex[:6]
        self._number = 0
        self.headers = {"authorization": f"Bearer {cast.world.platform.token('oem.manager')}"}

    async def row(self, **spoilt: str) -> Row:
        """A good row, or one spoilt; a car that it needs is there."""
        self._number += 1
        made = self.kind.good(self.cast, self.mark, self._number)
        if self.name == "sales" and not spoilt.keys() & {"vin"}:
            await self.cast.world.vehicle(vin=made["vin"])
        if self.name == "audience-list-members" and not spoilt.keys() & {"phone"}:
            await self._known(made["phone"])
        if self.name == "kpi-values":
            await self.cast.send("PUT", f"/v1/kpis/rows_{self.mark}", "oem.manager", {}, json=KPI_BODY)
        text = {self.kind.text: made.get(self.kind.text, "")} if self.kind.text else {}
        return {**made, **text, **spoilt}

    async def _known(self, phone: str) -> None:
        """Somebody with a phone, whom the dealer of the list knows."""
        person = {
            "kind": "CUSTOMER_KIND_PERSON",
            "name": {"fullName": "诸葛甲"},
            "contactPoints": [{"kind": "CONTACT_POINT_KIND_PHONE", "value": phone}],
        }
        await self.cast.post("oem.agent", f"/v1/customers?dealerId={self.cast.row('dealer', 'own').id}", person)

    async def send(self, content: bytes, form: str = "csv", source: str = "", **query: str) -> dict[str, Any]:
        """Uploads a file and waits for its end."""
        params = {"kind": self.name, "source": source or f"s{self.mark}", "fileName": f"rows.{form}", **query}
        path = f"/v1/{self.kind.service}/imports"
        taken = await self.cast.http.post(path, params=params, content=content, headers=self.headers)
        assert taken.status_code == 202, taken.text
        self.address = taken.headers["location"]

        async def ended() -> Any:
            found = (await self.cast.http.get(self.address, headers=self.headers)).json()
            return found if "endTime" in found else None

        done: dict[str, Any] = await until(ended, 60, "the import did not end")
        return done

    async def faults(self) -> dict[int, dict[str, str]]:
        """The rejected rows of the last file: {row: {column: reason}}, read by pages."""
        found: dict[int, dict[str, str]] = {}
        token = ""
        while True:
            params = {"pageSize": "3", "pageToken": token}
            page = (await self.cast.http.get(f"{self.address}/errors", params=params, headers=self.headers)).json()
            for result in page["results"]:
                assert all(error["description"] for error in result["errors"])
                found[int(result["row"])] = {error["field"]: error["reason"] for error in result["errors"]}
            token = page["nextPageToken"]
            if not token:
                return found


def counts(done: dict[str, Any]) -> dict[str, int]:
    assert done["state"] == "IMPORT_STATE_SUCCEEDED", done
    summary = {name: int(count) for name, count in done["summary"].items()}
    assert summary["rowsRead"] == sum(summary[name] for name in ("created", "updated", "unchanged", "rejected"))
    return {name: count for name, count in summary.items() if count and name != "rowsRead"}
