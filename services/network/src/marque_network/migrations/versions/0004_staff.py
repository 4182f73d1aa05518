"""What is known of staff for access, assignment and provisioning: columns, groups of the identity provider, the roster of subjects."""

from alembic import op
from servicekit.db.staff_tables import create_staff
from servicekit.db.tables import statements

revision = "0004"
down_revision = "0003"

COLUMNS = """
ALTER TABLE staff
    ADD COLUMN user_name text NOT NULL DEFAULT '', ADD COLUMN external_id text NOT NULL DEFAULT '',
    ADD COLUMN title text NOT NULL DEFAULT '', ADD COLUMN department text NOT NULL DEFAULT '',
    ADD COLUMN team text NOT NULL DEFAULT '', ADD COLUMN employment_start_date date, ADD COLUMN employment_end_date date,
    ADD COLUMN skills jsonb NOT NULL DEFAULT '[]', ADD COLUMN certificates jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN capacity integer NOT NULL DEFAULT 0, ADD COLUMN approval_limits jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN week jsonb NOT NULL DEFAULT '{}', ADD COLUMN next_expiry_date date,
    ADD COLUMN former_subject_keys text[] NOT NULL DEFAULT '{}'
"""

GROUPS = """
CREATE TABLE staff_groups (
    group_id uuid PRIMARY KEY, version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL,
    display_name text NOT NULL, external_id text NOT NULL DEFAULT '', roles text[] NOT NULL DEFAULT '{}');
CREATE UNIQUE INDEX uq_staff_groups_display_name ON staff_groups (lower(display_name));
CREATE INDEX ix_staff_groups_create_time ON staff_groups (create_time, group_id);
CREATE INDEX ix_staff_groups_external_id ON staff_groups (external_id) WHERE external_id <> '';
CREATE TABLE staff_group_members (
    group_id uuid NOT NULL CONSTRAINT fk_staff_group_members_group_id REFERENCES staff_groups ON DELETE CASCADE,
    staff_id uuid NOT NULL CONSTRAINT fk_staff_group_members_staff_id REFERENCES staff, PRIMARY KEY (group_id, staff_id));
CREATE INDEX ix_staff_group_members_staff_id ON staff_group_members (staff_id)
"""

# Whose subjects are known already is known to every service at once: the snapshots of staff are said again by themselves.
ROSTER = """
INSERT INTO known_staff (subject_key, staff_id, status, roles, dealer_id, region_code, group_code, version, change_time)
    SELECT encode(sha256(convert_to(subject, 'UTF8')), 'hex'), staff_id, status, roles, dealer_id, region_code, group_code,
        version, update_time
    FROM staff WHERE subject <> '';
WITH made AS (
    INSERT INTO republishes (republish_id, principal, aggregates, current, position, create_time)
    SELECT gen_random_uuid(), 'system:migration', '{staff}', 'staff', '', now() WHERE EXISTS (SELECT FROM staff)
    RETURNING republish_id)
INSERT INTO due_work (kind, key, due_time) SELECT 'republish', republish_id::text, now() FROM made
"""


def upgrade() -> None:
    """Creates the columns and tables."""
    create_staff(op.execute)
    for script in (COLUMNS, GROUPS, ROSTER):
        for statement in statements(script):
            op.execute(statement)
