"""What can go wrong with an import as a whole; what is wrong with a row is told with the row."""

from __future__ import annotations

from servicekit.errors import FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted


class ImportHeaderMissing(InvalidArgument):
    """A stream of rows or bytes began without its header."""

    reason = "IMPORT_HEADER_MISSING"
    message = "The first message must hold the header."


class ImportHeaderRepeated(InvalidArgument):
    """A header came where rows or bytes belong."""

    reason = "IMPORT_HEADER_REPEATED"
    message = "Only the first message may hold a header."


class ImportKindUnknown(InvalidArgument):
    """The service takes no files of this kind."""

    reason = "IMPORT_KIND_UNKNOWN"
    message = "There is no import of kind {kind}; there are: {kinds}."


class ImportFormatUnknown(InvalidArgument):
    """The ending of the file's name tells no format that is read here."""

    reason = "IMPORT_FORMAT_UNKNOWN"
    message = "The file name must end in one of: {endings}."


class ImportModeUnknown(InvalidArgument):
    """Files of this kind replace nothing."""

    reason = "IMPORT_MODE_UNKNOWN"
    message = "A file of kind {kind} cannot be imported in this mode."


class ImportFileTooLarge(ResourceExhausted):
    """The file is larger than this service takes."""

    reason = "IMPORT_FILE_TOO_LARGE"
    message = "The file is larger than {max_bytes} bytes. Part it and send each part."


class ImportNotFound(NotFound):
    """No such import in the caller's sight."""

    reason = "IMPORT_NOT_FOUND"
    message = "There is no import {import_id}, or you may not see it."


class ImportAlreadyEnded(FailedPrecondition):
    """An import that has ended cannot be cancelled."""

    reason = "IMPORT_ALREADY_ENDED"
    message = "The import {import_id} has ended already."


class ImportFinishing(FailedPrecondition):
    """An import that has begun to take away what its file did not name goes on to its end."""

    reason = "IMPORT_FINISHING"
    message = "The import {import_id} has read every row and takes away what the file did not name."


class FileUnreadable(Exception):
    """A stored file that cannot be read as a whole; `reason` becomes the import's failure reason."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)
