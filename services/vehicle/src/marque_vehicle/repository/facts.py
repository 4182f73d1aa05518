"""What others may know of cars to group people by, in one statement."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg
from servicekit.db.engine import Reader

# The clause for the whole car is chosen as `rules.warranty.closest` chooses: of the make before one of any, of the latest day, by its code.
_FACTS = """
SELECT v.vin, v.make, v.model, v.model_year, v.energy, v.use, v.odometer_km, s.start AS sold_date, w.months, d.due_date,
    (SELECT count(*) FROM recall_vehicles r JOIN recalls c USING (recall_id)
     WHERE r.vin = v.vin AND r.state = 1 AND r.removed_version IS NULL AND r.first_version <= c.scope_version AND c.state = 2
    ) AS open_recalls
FROM vehicles v
LEFT JOIN LATERAL (SELECT coalesce(delivery_date, invoice_date) AS start FROM sales WHERE vin = v.vin AND state = 1
    ORDER BY start_time, sale_id LIMIT 1) s ON true
LEFT JOIN LATERAL (SELECT months FROM warranty_terms t WHERE t.market = v.market AND t.component_prefix = '' AND t.sold_from <= s.start
    AND (t.sold_before IS NULL OR s.start < t.sold_before) AND upper(t.make) IN ('', upper(v.make))
    ORDER BY t.make <> '' DESC, t.sold_from DESC, t.term_code LIMIT 1) w ON true
LEFT JOIN maintenance_dues d ON d.vin = v.vin
WHERE v.vin = ANY($1) ORDER BY v.vin"""


async def batch(reader: Reader, vins: Sequence[str]) -> list[asyncpg.Record]:
    """Returns the facts of cars: `months` is how long the whole car is covered from `sold_date`."""
    return list(await reader.fetch(_FACTS, vins))
