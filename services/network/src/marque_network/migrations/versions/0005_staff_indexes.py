"""What staff are found by, and what is unique among those who have not left: a subject and a user name are free again after them."""

from servicekit.db.migrate import build_indexes, drop_indexes

revision = "0005"
down_revision = "0004"

UNIQUE = {
    "uq_staff_subject_present": "staff (subject) WHERE subject <> '' AND status <> 3",
    "uq_staff_user_name": "staff (lower(user_name)) WHERE user_name <> '' AND status <> 3",
}
INDEXES = {
    "ix_staff_subject": "staff (subject) WHERE subject <> ''",
    "ix_staff_create_time": "staff (create_time, staff_id)",
    "ix_staff_external_id": "staff (external_id) WHERE external_id <> ''",
    "ix_staff_next_expiry_date": "staff (next_expiry_date, staff_id) WHERE next_expiry_date IS NOT NULL",
    "ix_staff_dealer_id_next_expiry": "staff (dealer_id, next_expiry_date, staff_id) WHERE next_expiry_date IS NOT NULL",
    "ix_staff_dealer_id_status": "staff (dealer_id, status, staff_id)",
    "ix_staff_skills": "staff USING gin (skills jsonb_path_ops)",
    "ix_staff_certificates": "staff USING gin (certificates jsonb_path_ops)",
    "ix_staff_department": "staff (department, employee_number, staff_id) WHERE department <> ''",
    "ix_staff_team": "staff (team, employee_number, staff_id) WHERE team <> ''",
}


def upgrade() -> None:
    """Builds the indexes; the older, wider rule goes when the new one stands."""
    build_indexes(UNIQUE, unique=True)
    build_indexes(INDEXES)
    drop_indexes("uq_staff_subject")
