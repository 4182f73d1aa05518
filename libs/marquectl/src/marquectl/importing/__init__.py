"""Imports: rows through the bidirectional streams of the door, resumable, reported row by row."""

from marquectl.importing.feed import Counts, Feed, Rejected
from marquectl.importing.job import ImportJob, Outcome

__all__ = ["Counts", "Feed", "ImportJob", "Outcome", "Rejected"]
