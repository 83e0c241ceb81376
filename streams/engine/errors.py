"""What can go wrong in the engine, by name: each message says what happened and what to do."""

__all__ = [
    "BatchAbandonedError",
    "ChangelogStalledError",
    "ConfigurationError",
    "EngineError",
    "LaneStalledError",
    "RecordTooLargeError",
    "RowTooLargeError",
    "RowsMissingError",
    "SourceRewoundError",
]


class EngineError(Exception):
    """Base of every error the engine raises by itself."""


class ConfigurationError(EngineError):
    """Stages, settings and topics do not fit together; the worker must not start."""


class RecordTooLargeError(EngineError):
    """A record to be published is larger than `EngineSettings.max_record_bytes`."""


class RowTooLargeError(EngineError):
    """The rows of one source record do not fit into one changelog record batch."""


class RowsMissingError(EngineError):
    """A changelog has lost rows that had been acknowledged; going on would fold onto holes."""


class SourceRewoundError(EngineError):
    """Rows have applied records the source topic does not have any more, or not yet again."""


class BatchAbandonedError(EngineError):
    """The agent was cancelled in the middle of a batch; nothing of it was applied."""


class ChangelogStalledError(EngineError):
    """A changelog did not give up the records its end offset promises."""


class LaneStalledError(EngineError):
    """A batch or a commit made no progress for longer than `stall_seconds`."""
