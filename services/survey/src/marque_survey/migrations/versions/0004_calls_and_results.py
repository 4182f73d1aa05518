"""Call tasks; by whom, in which wave and about which step people answered; copies of free texts; when cars were seen last."""

from alembic import op
from servicekit.db.migrate import build_indexes

revision = "0004"
down_revision = "0003"

COLUMNS = [
    "ALTER TABLE survey_plans ADD COLUMN way integer NOT NULL DEFAULT 1, ADD COLUMN call_attempts integer NOT NULL DEFAULT 3, "
    "ADD COLUMN check_permille integer NOT NULL DEFAULT 50, ADD COLUMN swept_time timestamptz",
    "ALTER TABLE invitations ADD COLUMN adviser_staff_id uuid, ADD COLUMN wave integer NOT NULL DEFAULT 0, "
    "ADD COLUMN signs text[] NOT NULL DEFAULT '{}'",
    "ALTER TABLE survey_scores ADD COLUMN adviser_staff_id uuid, ADD COLUMN wave integer NOT NULL DEFAULT 0, "
    "ADD COLUMN signed boolean NOT NULL DEFAULT false",
]

CALLS = [
    """
    CREATE TABLE survey_calls (
        call_task_id uuid NOT NULL, version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL,
        invitation_id uuid NOT NULL REFERENCES invitations, dealer_id uuid, anonymous boolean NOT NULL, state integer NOT NULL,
        reason text NOT NULL DEFAULT '', due_time timestamptz NOT NULL, expire_time timestamptz NOT NULL, end_time timestamptz,
        agent_id uuid, claim_time timestamptz, attempt_count integer NOT NULL DEFAULT 0, vain_count integer NOT NULL DEFAULT 0,
        attempt_limit integer NOT NULL, check_permille integer NOT NULL, reached boolean NOT NULL DEFAULT false,
        to_check boolean NOT NULL DEFAULT false, checker_id uuid, check_time timestamptz, verdict integer NOT NULL DEFAULT 0,
        check_faults text[] NOT NULL DEFAULT '{}',
        CONSTRAINT pk_survey_calls PRIMARY KEY (call_task_id), CONSTRAINT uq_survey_calls_invitation UNIQUE (invitation_id),
        CONSTRAINT ck_survey_calls_ended CHECK ((state IN (3, 4)) = (end_time IS NOT NULL)))
    """,
    "CREATE INDEX ix_survey_calls_due ON survey_calls (due_time, call_task_id)",
    "CREATE INDEX ix_survey_calls_dealer_due ON survey_calls (dealer_id, due_time, call_task_id)",
    "CREATE INDEX ix_survey_calls_waiting ON survey_calls (due_time, call_task_id) WHERE end_time IS NULL",
    "CREATE INDEX ix_survey_calls_dealer_waiting ON survey_calls (dealer_id, due_time, call_task_id) WHERE end_time IS NULL",
    "CREATE INDEX ix_survey_calls_agent ON survey_calls (agent_id, due_time, call_task_id) WHERE end_time IS NULL",
    "CREATE INDEX ix_survey_calls_checks ON survey_calls (due_time, call_task_id) WHERE to_check",
    "CREATE INDEX ix_survey_calls_dealer_checks ON survey_calls (dealer_id, due_time, call_task_id) WHERE to_check",
    "CREATE INDEX ix_survey_calls_expire ON survey_calls (expire_time) WHERE end_time IS NULL",
    "CREATE INDEX ix_survey_calls_ended ON survey_calls (end_time) WHERE end_time IS NOT NULL",
    """
    CREATE TABLE survey_call_attempts (
        call_task_id uuid NOT NULL REFERENCES survey_calls, number integer NOT NULL, agent_id uuid NOT NULL,
        begin_time timestamptz NOT NULL, end_time timestamptz, outcome integer NOT NULL DEFAULT 0,
        checking boolean NOT NULL DEFAULT false, CONSTRAINT pk_survey_call_attempts PRIMARY KEY (call_task_id, number))
    """,
]

ANSWERED = [
    # How far up its scale each step of an index was rated: what the factor that moves the index most is found from.
    """
    CREATE TABLE survey_factors (
        invitation_id uuid NOT NULL REFERENCES invitations, factor text NOT NULL, share double precision NOT NULL,
        questionnaire_id uuid NOT NULL, dealer_id uuid, finish_time timestamptz NOT NULL,
        CONSTRAINT pk_survey_factors PRIMARY KEY (invitation_id, factor))
    """,
    "CREATE INDEX ix_survey_factors_time ON survey_factors (questionnaire_id, finish_time)",
    """
    CREATE TABLE survey_texts (
        invitation_id uuid NOT NULL REFERENCES invitations, text_hash text NOT NULL, dealer_id uuid,
        CONSTRAINT pk_survey_texts PRIMARY KEY (invitation_id))
    """,
    "CREATE INDEX ix_survey_texts_hash ON survey_texts (dealer_id, text_hash)",
]

ASKED = [
    """
    CREATE TABLE survey_waves (
        questionnaire_id uuid NOT NULL REFERENCES questionnaires, number integer NOT NULL, name text NOT NULL,
        start_time timestamptz NOT NULL, CONSTRAINT pk_survey_waves PRIMARY KEY (questionnaire_id, number))
    """,
    """
    CREATE TABLE car_sightings (
        deed_id uuid NOT NULL, vin text NOT NULL, customer_id uuid, dealer_id uuid, seen_time timestamptz NOT NULL,
        voided boolean NOT NULL DEFAULT false, CONSTRAINT pk_car_sightings PRIMARY KEY (deed_id))
    """,
    "CREATE INDEX ix_car_sightings_time ON car_sightings (seen_time, deed_id) WHERE NOT voided",
    "CREATE INDEX ix_car_sightings_vin ON car_sightings (vin, seen_time) WHERE NOT voided",
    "CREATE INDEX ix_car_sightings_customer ON car_sightings (customer_id) WHERE customer_id IS NOT NULL",
]


def upgrade() -> None:
    """Adds the columns and tables; nothing waits for it."""
    # First, because building commits what came before it.
    build_indexes(
        {
            "ix_survey_scores_questionnaire": "survey_scores (questionnaire_id, measure, weight_set_id, finish_time)",
            "ix_invitations_finished": "invitations (questionnaire_id, finish_time) WHERE state = 5",
        }
    )
    for statement in (*COLUMNS, *CALLS, *ANSWERED, *ASKED):
        op.execute(statement)
