"""Results of a survey over a million scores, through the servicer, beside the SQL that somebody would write by hand on the same rows."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import marque_survey
from devstack.postgres import EmbeddedPostgres
from marque.survey.v1 import survey_result_service_pb2 as rpc
from marque_survey.api import SurveyResultApi
from servicekit.db import migrate
from servicekit.db.committed import Committed
from servicekit.db.engine import Database
from servicekit.db.uow import Work
from servicekit.rpc.call import Call
from servicekit.rpc.principal import Principal

from bench.report import Figure, Target
from bench.stats import median

SCORES, QUICK_SCORES = 1_000_000, 100_000
ROUNDS, QUICK_ROUNDS = 7, 5
_DEALERS, _MODELS = 200, 12
_FILL_SECONDS = 900.0
_FILL = """
WITH asked AS (
    INSERT INTO invitations (invitation_id, version, create_time, update_time, questionnaire_id, questionnaire_number, dealer_id, model,
        trigger, state, channel, finish_time)
    SELECT gen_random_uuid(), 1, now(), now(), $2::uuid, 1, d.dealer_id, 'Marque ' || n % $3::integer, 2, 5, 1,
        now() - n % 720 * interval '1 day'
    FROM generate_series(1, $1::integer) n JOIN known_dealers d ON d.version = n % $4::integer + 1
    RETURNING invitation_id, questionnaire_id, dealer_id, model, finish_time)
INSERT INTO survey_scores (invitation_id, measure, weight_set_id, value, questionnaire_id, dealer_id, model, finish_time)
SELECT invitation_id, 1, '00000000-0000-0000-0000-000000000000', (ARRAY[-100, 0, 100, 100])[1 + floor(random() * 4)::integer],
    questionnaire_id, dealer_id, model, finish_time FROM asked"""
_DEALERS_OF = """
INSERT INTO known_dealers (dealer_id, code, region_code, group_code, time_zone, status, version)
SELECT gen_random_uuid(), 'D' || n, 'R' || n % 8, '', 'Asia/Shanghai', 2, n FROM generate_series(1, $1::integer) n"""
_BY_HAND = "SELECT {key}, count(*), avg(value), var_samp(value) FROM {table} WHERE measure = 1 GROUP BY 1 ORDER BY 1"
# What is asked for: grouping, and the key and the tables of the SQL by hand.
_ASKED = {
    "dealer": (rpc.SURVEY_GROUPING_DEALER, "dealer_id", "survey_scores"),
    "region": (rpc.SURVEY_GROUPING_REGION, "region_code", "survey_scores JOIN known_dealers USING (dealer_id)"),
    "model": (rpc.SURVEY_GROUPING_MODEL, "model", "survey_scores"),
    "month": (rpc.SURVEY_GROUPING_MONTH, "date_trunc('month', finish_time, 'UTC')", "survey_scores"),
}
_QUESTIONNAIRE = "5e1f0000-0000-4000-8000-00000000beef"


async def survey_results(quick: bool) -> list[Figure]:
    """Fills the table, then asks both ways in turn; the figure is the median of rounds, each of which did both."""
    count, rounds = (QUICK_SCORES, QUICK_ROUNDS) if quick else (SCORES, ROUNDS)
    with tempfile.TemporaryDirectory(prefix="marque-survey-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        postgres = EmbeddedPostgres(Path(folder) / "data", settings={"shared_buffers": "512MB"})
        postgres.start()
        try:
            database = Database(postgres.create_role_and_database("survey"), pool_size=1, command_timeout=None)
            await migrate.upgrade(database, Path(marque_survey.__file__).parent / "migrations")
            await database.start()
            try:
                await _fill(database, count)
                return [await _one(database, name, count, rounds) for name in _ASKED]
            finally:
                await database.stop()
        finally:
            postgres.stop()


async def _fill(database: Database, count: int) -> None:
    connection = await database.direct()
    await connection.execute(_DEALERS_OF, _DEALERS)
    await connection.execute(_FILL, count, _QUESTIONNAIRE, _MODELS, _DEALERS, timeout=_FILL_SECONDS)
    await connection.execute("VACUUM ANALYZE survey_scores", timeout=_FILL_SECONDS)
    await connection.execute("ANALYZE known_dealers")
    await connection.close()


async def _one(database: Database, name: str, count: int, rounds: int) -> Figure:
    grouping, key, table = _ASKED[name]
    api = SurveyResultApi(Work(database, Committed(), {}))
    call = Call(Principal(subject="bench", roles=frozenset({"oem.manager"})), "GetSurveyResults")
    request = rpc.GetSurveyResultsRequest(measure=1, grouping=grouping)
    sql = _BY_HAND.format(key=key, table=table)

    async def ours() -> Any:
        return (await api.GetSurveyResults(request, call)).results

    async def by_hand() -> Any:
        return await database.reader.fetch(sql)

    if [one.count for one in await ours()] != [row["count"] for row in await by_hand()]:
        raise RuntimeError(f"by {name} the two count differently")
    taken = [(await _seconds(ours), await _seconds(by_hand)) for _ in range(rounds)]
    mine, theirs = (median([pair[at] for pair in taken]) for at in (0, 1))
    return Figure(
        "survey-results", f"by {name}, {count:,} scores", 1000 * mine, "ms", 1000 * theirs, "SQL by hand",
        Target("ratio", "at most", 1.2), rounds=tuple(one / two for one, two in taken),
    )  # fmt: skip


async def _seconds(work: Callable[[], Awaitable[Any]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began
