"""Rules of segments: conditions in CEL about people, their cars and holdings. Pure: reading, typing and evaluating; no SQL."""
