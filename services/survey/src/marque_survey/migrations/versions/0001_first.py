"""The platform's tables, questionnaires with their versions, plans, invitations with answers and scores, alarms, weights."""

from alembic import op
from servicekit.db.tables import create_v1

revision = "0001"
down_revision = None

AGGREGATE = "version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL"

QUESTIONNAIRES = [
    f"""
    CREATE TABLE questionnaires (
        questionnaire_id uuid NOT NULL, {AGGREGATE}, name text NOT NULL, state integer NOT NULL, number integer NOT NULL DEFAULT 0,
        changed boolean NOT NULL DEFAULT true, document jsonb NOT NULL, publish_time timestamptz,
        CONSTRAINT pk_questionnaires PRIMARY KEY (questionnaire_id))
    """,
    "CREATE INDEX ix_questionnaires_create_time ON questionnaires (create_time, questionnaire_id)",
    """
    CREATE TABLE questionnaire_versions (
        questionnaire_id uuid NOT NULL REFERENCES questionnaires, number integer NOT NULL, document jsonb NOT NULL,
        publisher text NOT NULL, publish_time timestamptz NOT NULL,
        CONSTRAINT pk_questionnaire_versions PRIMARY KEY (questionnaire_id, number))
    """,
]

INVITATIONS = [
    f"""
    CREATE TABLE survey_plans (
        plan_id uuid NOT NULL, {AGGREGATE}, name text NOT NULL, questionnaire_id uuid NOT NULL REFERENCES questionnaires,
        trigger integer NOT NULL, active boolean NOT NULL DEFAULT false, delay_days integer NOT NULL DEFAULT 0,
        expire_days integer NOT NULL DEFAULT 14, sample_permille integer NOT NULL DEFAULT 1000, dealer_quota integer NOT NULL DEFAULT 0,
        CONSTRAINT pk_survey_plans PRIMARY KEY (plan_id))
    """,
    "CREATE INDEX ix_survey_plans_create_time ON survey_plans (create_time, plan_id)",
    "CREATE INDEX ix_survey_plans_active ON survey_plans (trigger) WHERE active",
    """
    CREATE TABLE survey_quotas (
        plan_id uuid NOT NULL REFERENCES survey_plans, dealer_id uuid NOT NULL, period date NOT NULL, taken integer NOT NULL,
        CONSTRAINT pk_survey_quotas PRIMARY KEY (plan_id, dealer_id, period), CONSTRAINT ck_survey_quotas_taken CHECK (taken >= 0))
    """,
    f"""
    CREATE TABLE invitations (
        invitation_id uuid NOT NULL, {AGGREGATE}, plan_id uuid REFERENCES survey_plans, questionnaire_id uuid NOT NULL,
        questionnaire_number integer NOT NULL, customer_id uuid, dealer_id uuid, vin text NOT NULL DEFAULT '',
        model text NOT NULL DEFAULT '', trigger integer NOT NULL, occurrence text NOT NULL DEFAULT '', about_case_id uuid,
        anonymous boolean NOT NULL DEFAULT false, state integer NOT NULL, reason text NOT NULL DEFAULT '', channel integer NOT NULL,
        language text NOT NULL DEFAULT '', due_time timestamptz, quota_period date, claim integer NOT NULL DEFAULT 0,
        claim_time timestamptz, handing boolean NOT NULL DEFAULT false, attempts integer NOT NULL DEFAULT 0,
        send_count integer NOT NULL DEFAULT 0, send_time timestamptz, expire_time timestamptz, first_answer_time timestamptz,
        finish_time timestamptz, late boolean NOT NULL DEFAULT false, alarms text[] NOT NULL DEFAULT '{{}}',
        CONSTRAINT pk_invitations PRIMARY KEY (invitation_id),
        CONSTRAINT ck_invitations_finished CHECK ((state = 5) = (finish_time IS NOT NULL)))
    """,
    "CREATE UNIQUE INDEX uq_invitations_occurrence ON invitations (plan_id, occurrence) WHERE plan_id IS NOT NULL",
    "CREATE INDEX ix_invitations_create_time ON invitations (create_time, invitation_id)",
    "CREATE INDEX ix_invitations_dealer ON invitations (dealer_id, create_time, invitation_id) WHERE dealer_id IS NOT NULL",
    "CREATE INDEX ix_invitations_customer ON invitations (customer_id, create_time, invitation_id) WHERE customer_id IS NOT NULL",
    "CREATE INDEX ix_invitations_due ON invitations (due_time, invitation_id) WHERE state = 1",
    "CREATE INDEX ix_invitations_claimed ON invitations (claim_time, invitation_id) WHERE state = 2",
    "CREATE INDEX ix_invitations_expire ON invitations (expire_time, invitation_id) WHERE state IN (3, 4, 8)",
    """
    CREATE TABLE survey_answers (
        invitation_id uuid NOT NULL REFERENCES invitations, question_code text NOT NULL, value jsonb NOT NULL,
        submission_id text NOT NULL, sequence bigint NOT NULL, save_time timestamptz NOT NULL,
        CONSTRAINT pk_survey_answers PRIMARY KEY (invitation_id, question_code))
    """,
]

SCORES = [
    """
    CREATE TABLE weight_sets (
        weight_set_id uuid NOT NULL, kind text NOT NULL, market text NOT NULL, effective_date date NOT NULL, factors jsonb NOT NULL,
        minimum_percent integer NOT NULL, source text NOT NULL, create_time timestamptz NOT NULL,
        CONSTRAINT pk_weight_sets PRIMARY KEY (weight_set_id),
        CONSTRAINT uq_weight_sets_effective UNIQUE (kind, market, effective_date))
    """,
    # Where and when a response was given stands here again: results are counted over this table alone.
    """
    CREATE TABLE survey_scores (
        invitation_id uuid NOT NULL REFERENCES invitations, measure integer NOT NULL, weight_set_id uuid NOT NULL,
        value double precision NOT NULL, questionnaire_id uuid NOT NULL, plan_id uuid, dealer_id uuid, model text NOT NULL DEFAULT '',
        finish_time timestamptz NOT NULL, CONSTRAINT pk_survey_scores PRIMARY KEY (invitation_id, measure, weight_set_id))
    """,
    "CREATE INDEX ix_survey_scores_measure ON survey_scores (measure, weight_set_id, finish_time)",
    "CREATE INDEX ix_survey_scores_dealer ON survey_scores (dealer_id, measure, weight_set_id, finish_time) WHERE dealer_id IS NOT NULL",
    """
    CREATE TABLE survey_alarms (
        invitation_id uuid NOT NULL REFERENCES invitations, rules text[] NOT NULL, about_handling boolean NOT NULL,
        raise_time timestamptz NOT NULL, case_id uuid, dealer_id uuid, CONSTRAINT pk_survey_alarms PRIMARY KEY (invitation_id))
    """,
    "CREATE INDEX ix_survey_alarms_raise_time ON survey_alarms (raise_time, invitation_id)",
    "CREATE INDEX ix_survey_alarms_dealer ON survey_alarms (dealer_id, raise_time, invitation_id) WHERE dealer_id IS NOT NULL",
]

# The weights that were published, as they were: their sums are 99 to 101, and the index divides by the sum.
WEIGHTS = """
INSERT INTO weight_sets (weight_set_id, kind, market, effective_date, factors, minimum_percent, source, create_time) VALUES
('5e1f0000-0000-4000-8000-000000000001', 'SSI', 'CN', '2015-01-01',
    '{"DELIVERY": 23, "INITIATION": 21, "DEAL": 20, "FACILITY": 19, "SALESPERSON": 17}', 50, 'China SSI 2015', now()),
('5e1f0000-0000-4000-8000-000000000002', 'SSI', 'US', '2017-01-01',
    '{"PERSONNEL": 28, "DELIVERY": 21, "DEAL": 18, "PAPERWORK": 16, "FACILITY": 13, "WEBSITE": 4}', 50,
    'United States SSI 2017, buyer', now()),
('5e1f0000-0000-4000-8000-000000000003', 'SSI_REJECTER', 'US', '2017-01-01',
    '{"SALESPERSON": 40, "PRICE": 15, "NEGOTIATING": 15, "VARIETY": 15, "FACILITY": 14}', 50, 'United States SSI 2017, rejecter', now()),
('5e1f0000-0000-4000-8000-000000000004', 'CSI', 'CN', '2014-01-01',
    '{"QUALITY": 24, "FACILITY": 21, "PICKUP": 21, "ADVISOR": 18, "INITIATION": 17}', 50, 'China CSI 2014', now()),
('5e1f0000-0000-4000-8000-000000000005', 'CSI', 'IN', '2014-01-01',
    '{"QUALITY": 43, "PICKUP": 17, "ADVISOR": 14, "FACILITY": 14, "INITIATION": 11}', 50, 'India luxury CSI 2014', now())
"""


def upgrade() -> None:
    """Creates the tables."""
    create_v1(op.execute)
    for statement in (*QUESTIONNAIRES, *INVITATIONS, *SCORES, WEIGHTS):
        op.execute(statement)
