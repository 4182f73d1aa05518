"""The verbs of the showroom that only follow others: a discount asked for and decided, an offer declined, a lost lead asked again, a car
driven, a deal with an organisation. The fixtures of the permission suite stop short of them.
"""

from __future__ import annotations

from typing import Any

_PRICE, _OFF = ({"currencyCode": "CNY", "units": units} for units in ("200000", "20000"))
_OFFER = [
    {"kind": "QUOTE_LINE_KIND_VEHICLE", "text": "One", "unitPrice": _PRICE},
    {"kind": "QUOTE_LINE_KIND_DISCOUNT", "text": "Off", "unitPrice": _OFF},
]


async def showroom(run: Any) -> None:
    """Does them at the first dealer of the world, each text a marker."""
    cast = run.cast
    dealer, lead = cast.row("dealer", "own").id, cast.row("calendar:lead", "own").id
    home: dict[str, Any] = {"dealers": [dealer]}

    async def say(role: str, path: str, rpc: str, field: str, body: dict[str, Any], **scope: Any) -> Any:
        told = await cast.post(role, path, {**body, field: run.markers.text(f"{rpc} {field}")}, **scope)
        run.accepted.add((f"customer.v1.{rpc}", field))
        return told

    for decline in (False, True):
        made = await cast.post(
            "dealer.sales", "/v1/quotes", {"leadId": lead, "lines": _offer(run, "CreateQuote")}, **home
        )
        one = f"/v1/quotes/{made['quoteId']}"
        await cast.post("dealer.sales", f"{one}:revise", {"lines": _offer(run, "ReviseQuote")}, **home)
        await say("dealer.sales", f"{one}:requestApproval", "QuoteService/RequestQuoteApproval", "reason", {}, **home)
        decided = {"approved": True}
        await say("oem.manager", f"{one}:decideApproval", "QuoteService/DecideQuoteApproval", "reason", decided)
        if decline:
            await cast.post("dealer.sales", f"{one}:send", {}, **home)
            await say("dealer.sales", f"{one}:decline", "QuoteService/DeclineQuote", "reason", {}, **home)
        else:
            await say("dealer.sales", f"{one}:withdraw", "QuoteService/WithdrawQuote", "reason", {}, **home)
    await _drive(run, say)
    await _recall(run, say)
    works = {"kind": "CUSTOMER_KIND_ORGANISATION", "organisationName": "Works"}
    buyer = (await cast.post("oem.manager", f"/v1/customers?dealerId={dealer}", works))["customerId"]
    part = {"dealerId": dealer, "model": "One", "quantity": 1}
    await say(
        "oem.manager",
        "/v1/fleetDeals",
        "FleetDealService/CreateFleetDeal",
        "title",
        {"customerId": buyer, "parts": [part]},
    )


def _offer(run: Any, verb: str) -> list[dict[str, Any]]:
    """Lines whose texts are markers; the suite's fixture may find its lead without a dealer by then."""
    rpc, field = f"customer.v1.QuoteService/{verb}", "lines.text"
    run.accepted.add((rpc, field))
    return [{**line, "text": run.markers.text(f"{rpc} {field}")} for line in _OFFER]


async def _drive(run: Any, say: Any) -> None:
    """A test drive is called off; another begins now, and somebody saw the licence."""
    off = run.cast.row("calendar:test drive", "group").id
    await say("oem.manager", f"/v1/testDrives/{off}:cancel", "TestDriveService/CancelTestDrive", "reason", {})
    drive = run.cast.row("calendar:test drive", "other").id
    begun = "UPDATE test_drives SET start_time = now() - interval '1 minute', end_time = now() WHERE test_drive_id = $1"
    await run.platform.sql("customer", begun, drive)
    await run.cast.post("oem.manager", f"/v1/testDrives/{drive}:checkLicence", {})
    done = {"outcome": "TEST_DRIVE_OUTCOME_WANTS_IT"}
    await say("oem.manager", f"/v1/testDrives/{drive}:complete", "TestDriveService/CompleteTestDrive", "note", done)


async def _recall(run: Any, say: Any) -> None:
    """A lead of the first dealer is lost, and its person is of the sample that is asked again."""
    dealer, person = run.cast.row("dealer", "own").id, run.cast.row("customer", "desk").id
    wish = {"customerId": person, "source": "LEAD_SOURCE_CALL", "interest": {"model": "Lost"}}
    made = (await run.cast.post("oem.manager", f"/v1/leads?dealerId={dealer}", wish))["leadId"]
    lost = "UPDATE leads SET stage = 8, loss_reason = 1, close_time = now() WHERE lead_id = $1"
    asked = """INSERT INTO tasks (task_id, version, create_time, update_time, kind, title, lead_id, due_time)
        VALUES (gen_random_uuid(), 1, now(), now(), 5, 'Ask', $1, now())"""
    for statement in (lost, asked):
        await run.platform.sql("customer", statement, made)
    said = {"reached": True, "lossReason": "LEAD_LOSS_REASON_PRICE"}
    await say("oem.manager", f"/v1/leads/{made}:recordRecall", "LeadRecallService/RecordLeadRecall", "note", said)
