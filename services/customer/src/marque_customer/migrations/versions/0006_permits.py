"""Contact permits with their rules and holds, telephone calls, and the standing of customers as it was known at each moment."""

from alembic import op
from servicekit.db.migrate import backfill
from servicekit.db.tables import statements

revision = "0006"
down_revision = "0005"

TABLES = """
CREATE TABLE contact_rules (
    channel_class smallint NOT NULL, purpose smallint NOT NULL, version bigint NOT NULL,
    create_time timestamptz NOT NULL, update_time timestamptz NOT NULL,
    most_per_day integer, quiet_start_minute integer, quiet_end_minute integer,
    repeat_days integer NOT NULL, held_by_complaint boolean NOT NULL, actor text NOT NULL,
    CONSTRAINT pk_contact_rules PRIMARY KEY (channel_class, purpose));
CREATE TABLE contact_permits (
    contact_permit_id uuid PRIMARY KEY, person_id uuid NOT NULL, customer_id uuid NOT NULL, occurrence_key text NOT NULL,
    channel smallint NOT NULL, channel_class smallint NOT NULL, contact_class smallint NOT NULL, purpose smallint NOT NULL,
    controller_kind smallint NOT NULL, controller_id text NOT NULL, content_key text NOT NULL, consent_entry_id uuid,
    state smallint NOT NULL, holding bigint NOT NULL, take_time timestamptz NOT NULL, expire_time timestamptz NOT NULL,
    spend_time timestamptz, end_time timestamptz, stop_time timestamptz,
    CONSTRAINT uq_contact_permits_person_id UNIQUE (person_id, occurrence_key)) WITH (fillfactor = 80);
CREATE INDEX ix_contact_permits_take_time ON contact_permits (person_id, take_time);
CREATE INDEX ix_contact_permits_customer_id ON contact_permits (customer_id) WHERE customer_id <> person_id;
CREATE INDEX ix_contact_permits_age ON contact_permits (take_time);
CREATE TABLE contact_holds (
    reference_type text NOT NULL, reference_id text NOT NULL, customer_id uuid NOT NULL, open boolean NOT NULL,
    version bigint NOT NULL, update_time timestamptz NOT NULL,
    CONSTRAINT pk_contact_holds PRIMARY KEY (reference_type, reference_id));
CREATE INDEX ix_contact_holds_customer_id ON contact_holds (customer_id);
CREATE TABLE calls (
    call_id uuid PRIMARY KEY, version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL,
    provider text NOT NULL, provider_call_id text NOT NULL, state smallint NOT NULL, direction smallint NOT NULL,
    number text NOT NULL, line text NOT NULL, staff_id uuid, staff_time timestamptz, dealer_id uuid, customer_id uuid,
    note text NOT NULL DEFAULT '', begin_time timestamptz NOT NULL, answer_time timestamptz, end_time timestamptz,
    recording text NOT NULL DEFAULT '', transfers integer NOT NULL DEFAULT 0, interaction_id uuid,
    contact_permit_id uuid, holding bigint NOT NULL DEFAULT 0,
    CONSTRAINT uq_calls_provider_call_id UNIQUE (provider, provider_call_id));
CREATE INDEX ix_calls_customer_id ON calls (customer_id) WHERE customer_id IS NOT NULL;
CREATE INDEX ix_calls_create_time ON calls (create_time);
CREATE TABLE call_events (
    provider text NOT NULL, event_id text NOT NULL, call_id uuid NOT NULL, kind smallint NOT NULL, event_time timestamptz NOT NULL,
    create_time timestamptz NOT NULL, CONSTRAINT pk_call_events PRIMARY KEY (provider, event_id));
CREATE INDEX ix_call_events_create_time ON call_events (create_time);
CREATE TABLE customer_standings (
    customer_id uuid NOT NULL, known_time timestamptz NOT NULL, status smallint NOT NULL,
    CONSTRAINT pk_customer_standings PRIMARY KEY (customer_id, known_time))
"""
# class, purpose, most a day, quiet from, quiet to, days without the same content, held by a complaint. Of no law: what a maker begins
# with, and its managers change by PutContactRule.
RULES = """
INSERT INTO contact_rules (channel_class, purpose, version, create_time, update_time, most_per_day, quiet_start_minute, quiet_end_minute,
    repeat_days, held_by_complaint, actor)
SELECT channel_class, purpose, 1, now(), now(), most, quiet_start, quiet_end, days, held, 'marque'
FROM (VALUES
    (1, 0, 2, 1200, 540, 0, false), (2, 0, 3, 1260, 480, 0, false), (3, 0, 3, NULL, NULL, 0, false), (4, 0, 1, NULL, NULL, 0, false),
    (0, 2, 2, NULL, NULL, 30, true), (0, 3, 1, NULL, NULL, 30, true), (0, 5, 1, NULL, NULL, 7, true))
    AS r (channel_class, purpose, most, quiet_start, quiet_end, days, held)"""
# A person's standing is part of every answer about consent, so its moments are assigned like those of the ledger: alone, after every
# question that was answered. Whoever changes a status, by whatever path, leaves it here; and what was permitted but not spent is void.
STANDING = """
CREATE FUNCTION note_standing() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('consent:' || NEW.customer_id, 0));
    INSERT INTO customer_standings (customer_id, known_time, status)
    SELECT NEW.customer_id, greatest(clock_timestamp(), max(known_time)) + interval '1 microsecond', NEW.status
    FROM customer_standings WHERE customer_id = NEW.customer_id;
    UPDATE contact_permits SET state = 5, end_time = clock_timestamp() WHERE person_id = NEW.customer_id AND state = 1;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    """Creates the tables, the first rules, and the standings of who is not active; nothing waits for it."""
    for statement in statements(TABLES):
        op.execute(statement)
    op.execute(RULES)
    op.execute(STANDING)
    op.execute(
        "CREATE TRIGGER customer_standing AFTER UPDATE OF status ON customers FOR EACH ROW"
        " WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION note_standing()"
    )
    op.execute(
        "INSERT INTO due_work (kind, key, due_time) VALUES ('contact_permits.prune', '', now()) ON CONFLICT DO NOTHING"
    )
    backfill(
        "INSERT INTO customer_standings SELECT customer_id, status_time, status FROM customers c WHERE status <> 1"
        " AND NOT EXISTS (SELECT FROM customer_standings s WHERE s.customer_id = c.customer_id) LIMIT 1000"
    )
