"""Brings the morning of the sample's contact centre: cases in the queue, one that waits for parts, one of danger, letters that nobody
answered in time, the team's tasks, macros and lists. May be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from google.protobuf.message import Message
from marque.complaint.v1 import case_pb2

from marquectl.contract import method
from marquectl.door import Door
from marquectl.world import World

Ask = Callable[..., Message]
_CASES, _SIGNALS = "complaint.v1.CaseService", "complaint.v1.DefectSignalService"
_POLICIES, _TASKS, _TOOLS = (
    "complaint.v1.CasePolicyService",
    "complaint.v1.CaseTaskService",
    "complaint.v1.CaseToolService",
)
_STEPS: dict[str, tuple[str, dict[str, Any]]] = {
    "acknowledge": ("AcknowledgeCase", {}),
    "assess": ("AssessCase", {"severity": 2, "components": ["TRANSMISSION"]}),
    "parts": ("WaitCase", {"waiting": 2, "reason": "PART_ORDERED"}),
    "tell": ("EscalateCase", {"reason": "CUSTOMER_ASKED"}),
}


class Story(NamedTuple):
    """Kind and channel of a case, what is told, what was done with it by now, since how many days it lies, its codes, its team's tasks."""

    kind: int
    channel: int
    text: str
    way: tuple[str, ...] = ()
    days: int = 0
    codes: tuple[str, ...] = ()
    tasks: tuple[tuple[str, str], ...] = ()


STORIES = (
    Story(1, 1, "高速行驶中刹车失灵，差点追尾，要求立即处理。"),
    Story(1, 6, "给贵公司写信已经一周，没有任何人回复我。", days=7),  # a letter that lay: its first answer is late
    Story(1, 3, "变速箱低速顿挫，4S店说是正常现象。", ("acknowledge", "assess"), tasks=(("INSPECT_CAR", "WORKSHOP"),)),
    Story(
        1,
        2,
        "The gearbox jerks at low speed; the part has been on order for weeks.",
        ("acknowledge", "assess", "parts"),
        tasks=(("CHASE_PART", "PARTS"), ("CALL_CUSTOMER", "CARE")),
    ),
    Story(1, 10, "交车时间一拖再拖，没有人给我回复。", ("acknowledge", "tell")),
    Story(2, 4, "When is the first service due?"),
    Story(3, 3, "希望导航支持离线地图。", ("acknowledge",)),
    Story(1, 5, "Six days ago I faxed you about the noise from the catalyst. Nothing.", days=6, codes=("P0420",)),
    Story(4, 8, "Misfire on cylinder 1 after every cold start, coil swapped.", ("acknowledge",), codes=("P0301",)),
)
LADDER = ((1, 100, 1), (3, 75, 1), (3, 100, 2), (3, 150, 3))
"""Clock, percent of its time, whose matter it becomes: an unanswered case goes to the dealer's manager, one that drags on further up."""
MACROS: dict[str, tuple[dict[str, str], tuple[dict[str, Any], ...]]] = {
    "TAKEN_UP": (
        {"en": "Taken up", "zh-CN": "已受理"},
        (
            {"verb": 1},
            {"verb": 12, "text": "您的来信已收到，我们会尽快回复。 We have your message and come back to you."},
        ),
    ),
    "PRESS": (
        {"en": "Press for an answer", "zh-CN": "催办"},
        ({"verb": 13, "text": "催办 / pressed"}, {"verb": 8, "reason": "PRESSED"}),
    ),
}
VIEWS: dict[str, dict[str, Any]] = {
    "1 超时 / late": {"late": True, "open": True},
    "2 安全 / danger": {"severity": 4, "open": True},
    "3 待分配 / nobody works on it": {"unassigned": True, "open": True},
    "4 我的 / mine": {"mine": True, "open": True},
}


class Cases:
    """Writes them. `request` makes a request with a key of its own."""

    def __init__(
        self, door: Door, dealer_ids: Mapping[str, str], customer_ids: Mapping[str, str], request: Ask
    ) -> None:
        self._door = door
        self._dealer_ids = dealer_ids
        self._customer_ids = customer_ids
        self._request = request

    def works(self, world: World) -> list[Coroutine[Any, Any, None]]:
        """Returns the writing of each story, of a customer of its own."""
        people = {lead.customer_key: lead.dealer_code for lead in world.leads}
        told = zip(STORIES, sorted(people.items()), world.cars, strict=False)
        return [self._one(story, person, dealer, car.vehicle.vin) for story, (person, dealer), car in told]

    async def tools(self) -> None:
        """Writes the ladder, the macros and the lists that everybody shares, each where there is none yet."""
        policy: Any = await self._ask(f"{_POLICIES}/GetCasePolicy")
        if not any(line.ladder for line in policy.lines):
            for line in policy.lines:
                for clock, percent, escalation in LADDER:
                    line.ladder.add(clock=clock, percent=percent, escalation=escalation)
            await self._write(f"{_POLICIES}/PutCasePolicy", "case-policy", policy=policy)
        known: Any = await self._ask(f"{_TOOLS}/ListCaseMacros", show_retired=True)
        for code, (names, actions) in MACROS.items():
            if code not in {one.macro_code for one in known.macros}:
                macro = {"macro_code": code, "names": names, "actions": list(actions)}
                await self._write(f"{_TOOLS}/PutCaseMacro", f"macro-{code}", macro=macro)
        there: Any = await self._ask(f"{_TOOLS}/ListCaseViews")
        for name, shown in VIEWS.items():
            if name not in {one.name for one in there.views}:
                view = {"name": name, "shared": True, "filter": shown}
                await self._write(f"{_TOOLS}/PutCaseView", f"view-{name[0]}", view=view)

    async def look_for_defects(self) -> None:
        """Asks for a look at all cars, where no signal is raised yet; it is done a little later."""
        found: Any = await self._ask(f"{_SIGNALS}/ListDefectSignals", page_size=1, show_muted=True)
        if not found.signals:
            await self._write(f"{_SIGNALS}/ScanDefects", "defects")

    async def _one(self, story: Story, person: str, dealer: str, vin: str) -> None:
        customer = self._customer_ids[person]
        found: Any = await self._ask(f"{_CASES}/ListCases", customer_id=customer)
        if found.cases:
            return
        case = case_pb2.Case(customer_id=customer, dealer_id=self._dealer_ids[dealer], vin=vin, fault_codes=story.codes)
        case.kind, case.channel = story.kind, story.channel  # type: ignore[assignment]
        told: dict[str, Any] = {"case": case, "description": story.text}
        if story.days:
            told["receive_time"] = _morning(-story.days)
        made = await self._write(f"{_CASES}/CreateCase", f"case-{person}", **told)
        for step in story.way:
            verb, fields = _STEPS[step]
            await self._write(f"{_CASES}/{verb}", f"case-{person}-{step}", case_id=made.case_id, **fields)
        for days, (purpose, department) in enumerate(story.tasks, 1):
            task = {"case_id": made.case_id, "kind": 1, "purpose": purpose, "department": department}
            task["due_time"] = _morning(days)
            await self._write(f"{_TASKS}/AddCaseTask", f"task-{person}-{purpose}", task=task)

    async def _ask(self, name: str, **fields: Any) -> Any:
        return await self._door.call(name, method(name).input(**fields))

    async def _write(self, name: str, key: str, **fields: Any) -> Any:
        return await self._door.call(name, self._request(name, key, **fields))


def _morning(days: int) -> datetime:
    """The first moment of a day from today, UTC: whoever goes on where another run was killed asks for the very same."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=days)
