"""Bulk: many rows from a stream or a file, validated one by one, applied a chunk at a time, reported per row."""
