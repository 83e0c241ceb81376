"""What can go wrong with a mapping: in its file, in one record, in one operator."""

from typing import NamedTuple


class MappingFileError(Exception):
    """A mapping file cannot be used: file, line, column, what is wrong and the fix."""

    def __init__(self, name: str, line: int, column: int, message: str) -> None:
        super().__init__(f"{name}:{line}:{column}: {message}")
        self.name = name
        self.line = line
        self.column = column
        self.message = message


class MappingError(Exception):
    """One record cannot be made: a field it cannot do without is empty or cannot be read.

    `field` is the contract's name (`occurred_at`); `reason` says what was found. The payload
    becomes a dead letter or a reject; the other records of the same payload are made all the same.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class OperatorFailed(Exception):
    """An operator could not read a value. The field it feeds decides what that means."""


class Problem(NamedTuple):
    """An optional field that became null because its operator failed; counted by field."""

    field: str
    reason: str
