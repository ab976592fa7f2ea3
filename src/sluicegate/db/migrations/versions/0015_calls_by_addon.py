"""Calls of one add-on are found without reading everybody else's."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0015"
down_revision: str | None = "0014"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Makes the index."""
    op.create_index(
        "ix_gateway_request_audits_addon",
        "gateway_request_audits",
        ["user_id", "addon", sa.literal_column("created_at DESC")],
        unique=False,
    )


def downgrade() -> None:
    """Takes it away."""
    op.drop_index("ix_gateway_request_audits_addon", table_name="gateway_request_audits")
