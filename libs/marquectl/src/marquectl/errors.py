"""What ends a command, with the words that the operator reads and the exit status."""

from __future__ import annotations

FAILED = 1
USAGE = 2
ROWS_REJECTED = 3
INTERRUPTED = 130


class CommandError(Exception):
    """A command cannot go on. `message` is for the operator and holds no personal data; `status` is the exit status."""

    def __init__(self, message: str, status: int = FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


class UsageError(CommandError):
    """The operator asked for something that cannot be done: a wrong option, file or mapping."""

    def __init__(self, message: str) -> None:
        super().__init__(message, USAGE)
