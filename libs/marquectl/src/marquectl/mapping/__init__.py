"""From the columns of a third party's file to the rows of the import contracts."""

from marquectl.mapping.plan import KindPlan, Plan, RowFault
from marquectl.mapping.read import layout_file, load_plan

__all__ = ["KindPlan", "Plan", "RowFault", "layout_file", "load_plan"]
