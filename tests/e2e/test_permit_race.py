"""No hand-over starts after its withdrawal was answered: withdrawals against workers that are frozen and killed between spending a permit
and handing over. Customer service and workers are processes of their own; permits travel over gRPC; moments are read from one clock.

Long size: `make soak T=tests/e2e/test_permit_race.py`, ten thousand withdrawals. MARQUE_RACE_WITHDRAWALS chooses another number.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from marque.customer.v1 import (
    consent_pb2,
    consent_service_pb2,
    contact_permit_pb2,
    contact_permit_service_pb2,
    contact_point_pb2,
    contact_rule_pb2,
    contact_rule_service_pb2,
    customer_pb2,
    customer_service_pb2,
)
from marque.type.v1 import channel_pb2, person_name_pb2
from servicekit import permits
from servicekit.testing.contact_worker import contact
from servicekit.testing.platform import Platform, until

WITHDRAWALS, SOAK_WITHDRAWALS = 160, 10_000
WORKERS, AT_ONCE = 4, 24
SPEND, MARGIN = 0.5, 0.2
GAPS = (0.02, 0.2, SPEND, SPEND + MARGIN, 2 * (SPEND + MARGIN))  # seconds for which a worker is stopped
EMAIL, MARKETING = channel_pb2.CHANNEL_EMAIL, consent_pb2.CONSENT_PURPOSE_MARKETING


class Race:
    """The running customer service, its people, and the ledger of what workers handed over."""

    def __init__(self, platform: Platform, folder: Path) -> None:
        self.platform, self.folder = platform, folder
        self.front, self.ledger = folder / "front", folder / "ledger"
        self.answered: dict[str, float] = {}
        self.waited = 0
        self._workers: list[subprocess.Popen[bytes]] = []

    async def open_caps(self) -> None:
        """Lets the workers contact everybody as often as they can."""
        manager = self.platform.client("customer", "oem.manager")
        for channel_class, purpose in ((contact_rule_pb2.CONTACT_CHANNEL_CLASS_EMAIL, 0), (0, MARKETING)):
            rule = contact_rule_pb2.ContactRule(channel_class=channel_class, purpose=purpose)  # type: ignore[arg-type]
            request = contact_rule_service_pb2.PutContactRuleRequest(contact_rule=rule)
            await manager.call("customer.v1.ContactRuleService/PutContactRule", request)

    async def people(self, count: int) -> list[str]:
        """Makes people who agreed to marketing by e-mail."""
        agent = self.platform.client("customer", "oem.agent")

        async def one(number: int) -> str:
            point = contact_point_pb2.ContactPoint(
                kind=contact_point_pb2.CONTACT_POINT_KIND_EMAIL, value=f"{number}-{uuid.uuid4().hex[:8]}@example.com"
            )
            person = customer_pb2.Customer(
                kind=customer_pb2.CUSTOMER_KIND_PERSON, name=person_name_pb2.PersonName(full_name=f"王{number}"), contact_points=[point]
            )  # fmt: skip
            request = customer_service_pb2.CreateCustomerRequest(customer=person)
            made = await agent.call("customer.v1.CustomerService/CreateCustomer", request, timeout=60)
            grant = consent_service_pb2.GrantConsentRequest(customer_id=made.customer_id, entry=entry())
            await agent.call("customer.v1.ConsentService/GrantConsent", grant, timeout=60)
            return str(made.customer_id)

        return await each(one, range(count))

    async def withdraw(self, customer_id: str) -> None:
        """Withdraws; notes when the answer came."""
        agent = self.platform.client("customer", "oem.agent")
        request = consent_service_pb2.WithdrawConsentRequest(
            customer_id=customer_id, entry=entry(), request_id=str(uuid.uuid4())
        )
        began = permits.clock()
        await agent.call("customer.v1.ConsentService/WithdrawConsent", request, timeout=60)
        self.answered[customer_id] = permits.clock()
        self.waited += self.answered[customer_id] - began > SPEND / 2
        await agent.close()

    def start(self, people: list[str], **more: Any) -> subprocess.Popen[bytes]:
        """Starts a worker."""
        plan = self.folder / f"plan-{uuid.uuid4()}"
        identity = {
            "issuer": self.platform.issuer.url,
            "client": "test",
            "secret": str(self.platform.folder / "secret"),
        }
        files = {"front": str(self.front), "ledger": str(self.ledger)}
        plan.write_text(
            json.dumps({"address": self.platform.peers["customer"], "people": people, **identity, **files, **more})
        )
        log = (self.folder / "workers.log").open("ab")
        process = subprocess.Popen(
            [sys.executable, "-m", "servicekit.testing.contact_worker", str(plan)], stdout=log, stderr=log
        )
        log.close()
        self._workers.append(process)
        return process

    def handed_over(self) -> list[tuple[str, str, float | None]]:
        """What the ledger says: (customer, permit, moment); no moment where the worker was too late, and did nothing."""
        found = []
        for line in self.ledger.read_text().splitlines() if self.ledger.exists() else ():
            customer_id, permit, moment = line.split(" ")
            found.append((customer_id, permit, None if moment == "late" else float(moment)))
        return found

    def lines(self) -> int:
        """About how many lines the ledger has."""
        return self.ledger.stat().st_size // 90 if self.ledger.exists() else 0

    def broken(self) -> list[tuple[str, float]]:
        """The hand-overs that started after their withdrawal was answered, with the seconds between."""
        moments = (
            (one, moment - self.answered[one])
            for one, _, moment in self.handed_over()
            if moment and one in self.answered
        )
        return [(one, late) for one, late in moments if late >= 0]

    async def torment(self, people: list[str], kills: float, counts: Counter[str]) -> None:
        """Stops and kills workers at random until cancelled; `kills` is the part of kills."""
        stopped: set[asyncio.Task[None]] = set()
        workers = [self.start(people) for _ in range(WORKERS)]

        async def freeze(process: subprocess.Popen[bytes], seconds: float) -> None:
            process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(seconds)
            process.send_signal(signal.SIGCONT)

        while True:
            await asyncio.sleep(random.uniform(0.2, 0.6))
            number = random.randrange(WORKERS)
            assert workers[number].poll() is None, "a worker ended by itself: see workers.log"
            if random.random() < kills:
                workers[number].kill()
                workers[number].wait()
                workers[number] = self.start(people)
                counts["kills"] += 1
            else:
                stopped.add(asyncio.create_task(freeze(workers[number], random.choice(GAPS))))
                counts["stops"] += 1

    def close(self) -> None:
        """Ends the workers."""
        for process in self._workers:
            process.kill()
            process.wait()


def entry() -> consent_pb2.ConsentEntry:
    controller = consent_pb2.ConsentController(kind=consent_pb2.CONSENT_CONTROLLER_KIND_OEM)
    return consent_pb2.ConsentEntry(
        purpose=MARKETING, channel=EMAIL, controller=controller, text_version="t", source="test"
    )


async def each(work: Callable[[Any], Any], items: Any) -> list[Any]:
    """Does some work on every item, some at a time."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(item: Any) -> Any:
        async with turns:
            return await work(item)

    return await asyncio.gather(*(one(item) for item in items))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service(platform: Platform) -> Platform:
    await platform.spawn(
        "customer", permit_spend_seconds=SPEND, permit_margin_seconds=MARGIN, database_pool_size=20, log_level="WARNING"
    )
    return platform


@pytest_asyncio.fixture(loop_scope="session")
async def race(service: Platform, tmp_path: Path) -> AsyncIterator[Race]:
    made = Race(service, tmp_path)
    await made.open_caps()
    yield made
    made.close()


class TestRace:
    @pytest.mark.soak
    @pytest.mark.timeout(7200)
    async def test_no_hand_over_starts_after_its_withdrawal_was_answered(self, race: Race, soaking: bool) -> None:
        wanted = int(os.environ.get("MARQUE_RACE_WITHDRAWALS") or (SOAK_WITHDRAWALS if soaking else WITHDRAWALS))
        people, counts = await race.people(wanted), Counter[str]()
        race.front.write_text("0")
        torment = asyncio.create_task(race.torment(people, 0.1, counts))
        await until(lambda: asyncio.sleep(0, bool(race.handed_over())), 60.0, "no worker handed anything over")

        async def withdraw(number: int) -> None:
            race.front.write_text(str(max(0, number - AT_ONCE // 2)))
            await until(lambda: asyncio.sleep(0, race.lines() >= number // 2), 120.0, "the workers do not get on")
            await race.withdraw(people[number])

        withdrawing = asyncio.ensure_future(each(withdraw, range(wanted)))
        done, _ = await asyncio.wait({torment, withdrawing}, return_when=asyncio.FIRST_COMPLETED)
        if torment in done:
            withdrawing.cancel()
            torment.result()
        await withdrawing
        await asyncio.sleep(2 * (SPEND + MARGIN))  # whoever was frozen wakes, and may still do wrong
        torment.cancel()
        ledger = race.handed_over()
        made = [permit for _, permit, moment in ledger if moment is not None]
        counts.update(
            withdrawals=len(race.answered), hand_overs=len(made), too_late=len(ledger) - len(made), waited=race.waited
        )
        print(dict(counts))

        assert race.broken() == []
        assert len(made) == len(set(made)), "something was handed over twice under one permit"
        assert len(race.answered) == wanted
        assert counts["hand_overs"] > wanted / 8
        assert counts["waited"] > 0
        assert await self._refused(race, people[-500:]) == {"CONTACT_REFUSAL_REASON_WITHDRAWN"}

    async def _refused(self, race: Race, people: list[str]) -> set[str]:
        request = contact_permit_service_pb2.TakeContactPermitsRequest(contacts=[contact(one) for one in people])
        client = race.platform.client("customer", "service")
        answer = await client.call("customer.v1.ContactPermitService/TakeContactPermits", request, timeout=60)
        return {contact_permit_pb2.ContactRefusalReason.Name(one.refusal.reason) for one in answer.answers}

    @pytest.mark.parametrize("reckless", [False, True], ids=["careful", "reckless"])
    async def test_a_worker_frozen_after_spending_does_nothing_when_it_wakes(self, race: Race, reckless: bool) -> None:
        """The reckless one does not look at the clock, and is found out: the proof above can fail."""
        people = await race.people(1)
        worker = race.start(people, freeze=True, reckless=reckless)
        _, status = await asyncio.to_thread(os.waitpid, worker.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        await race.withdraw(people[0])
        worker.send_signal(signal.SIGCONT)
        assert await asyncio.to_thread(worker.wait, 30) == 0

        assert bool(race.broken()) is reckless
        assert [moment is None for _, _, moment in race.handed_over()] == [not reckless]
