"""Ladders of escalation: a step is computed with its clock and taken once, by the timer or by the verb that comes first."""

from __future__ import annotations

from collections.abc import Mapping

from servicekit.db.uow import UnitOfWork
from tradekit.clock import WorkCalendar

from marque_complaint.models import Case, CaseStep
from marque_complaint.repository import clocks as rows
from marque_complaint.repository import ladders as repository
from marque_complaint.rules import figures, ladders
from marque_complaint.rules.clocks import Clock
from marque_complaint.usecases import noting


async def keep(uow: UnitOfWork, case: Case, running: Mapping[int, Clock], calendar: WorkCalendar | None) -> None:
    """Keeps the steps of a case's clocks as its line of the policy says. A clock that begins anew has its steps before it again."""
    policy = await rows.policy_of(uow.session, case.policy_version) if running else None
    wanted = ladders.dues(policy.policy.line_for(case.facts).ladder, running, calendar) if policy is not None else {}
    stored = await repository.steps(uow.session, case.case_id)
    for key in stored.keys() - wanted.keys():
        await uow.session.delete(stored[key])
    for key, (escalation, start, due) in wanted.items():
        step = stored.get(key)
        if step is None:
            clock, percent = key
            step = CaseStep(case_id=case.case_id, clock=clock, percent=percent, start_time=start)
            uow.add(step)
        elif step.start_time != start:
            step.act_time = None
        step.escalation, step.start_time, step.due_time = escalation, start, due


async def climb(uow: UnitOfWork, case: Case) -> bool:
    """Takes the steps that are due by now, each once: the row keeps that it was. Returns whether there were any."""
    late = await repository.due_steps(uow.session, case.case_id, uow.now)
    for step in late:
        step.act_time = uow.now
        noting.write_down(uow, case, "LADDER", figures.clock_of(step.clock))
        if step.escalation > case.escalation:
            noting.escalate(uow, case, step.escalation, "LADDER")
        uow.audit("climb", "case", str(case.case_id), ("escalation",))
    return bool(late)
