"""The benches, in the order in which they run: those that let the table grow come last."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from bench.benches import (
    cases,
    contacts,
    events,
    growth,
    imports,
    leads,
    lemon,
    letters,
    likeness,
    linking,
    pipeline,
    reads,
    rebuild,
    recall,
    repair_orders,
    search_growth,
    segments,
    sends,
    standing,
    survey_results,
    surveys,
    tracing,
    transcoding,
    vehicle_life,
)
from bench.report import Figure
from bench.world import World

Bench = Callable[[World], Awaitable[list[Figure]]]

ON_WORLD: Mapping[str, Bench] = {
    "read-one": reads.read_one,
    "read-page": reads.read_page,
    "transcode": transcoding.transcode,
    "tracing": tracing.tracing,
    "import": imports.imports,
    "lead-import": leads.leads,
    "events": events.events,
    "contacts": contacts.contacts,
    "growth": growth.growth,
    "cases": cases.cases,
    "repair-orders": repair_orders.repair_orders,
    "vehicle-life": vehicle_life.vehicle_life,
    "lemon": lemon.lemon,
    "surveys": surveys.surveys,
    "recall": recall.recall,  # last: it goes on telling of cars
}
ALONE: Mapping[str, Callable[[bool], Awaitable[list[Figure]]]] = {
    "standing": standing.standing,
    "linking": linking.linking,
    "linking-growth": linking.linking_growth,
    "search-growth": search_growth.search_growth,
    "survey-results": survey_results.survey_results,
    "lookalikes": likeness.lookalikes,
    "segments": segments.segments,
    "rebuild": rebuild.rebuilding,
    "sends": sends.sends,
    "pipeline": pipeline.pipeline,
    "letters": letters.letters,
}
NAMES = (*ON_WORLD, *ALONE)
