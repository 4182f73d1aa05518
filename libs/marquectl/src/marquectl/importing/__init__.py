"""Imports: rows through the bidirectional streams of the door, or a file that replaces; resumable, reported row by row."""

from marquectl.importing.feed import Counts, Feed, Rejected
from marquectl.importing.job import ImportJob, Outcome
from marquectl.importing.replacing import ReplaceJob

__all__ = ["Counts", "Feed", "ImportJob", "Outcome", "Rejected", "ReplaceJob"]
