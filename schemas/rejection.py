"""Why a record is refused, and the headers a dead letter carries it in.

A dead letter stands on `<topic>.dlq`: key, value and headers of the original untouched, and these
headers added, each UTF-8 text. Sent and refused again, it has them once, with one attempt more.
"""

from enum import StrEnum


class RejectReason(StrEnum):
    """What was wrong with a record. `error_field` names the field where one is to blame."""

    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    BAD_ENVELOPE = "bad_envelope"
    UNKNOWN_VERSION = "unknown_version"
    UNKNOWN_KIND = "unknown_kind"
    MISSING_FIELD = "missing_field"
    INVALID_FIELD = "invalid_field"
    TIME_OUT_OF_RANGE = "time_out_of_range"
    NO_CUSTOMER = "no_customer"
    NOT_AN_EVENT = "not_an_event"
    """On `customer-events.v1`: no key, no value, or nothing that can be read as an event."""
    STEP_FAILED = "step_failed"
    """A defect of manyi: the customer step raised on this event."""
    NO_SUCH_COMPLAINT = "no_such_complaint"
    """A command that no complaint of its customer answers to."""
    SAME_CUSTOMER = "same_customer"
    """A customer cannot be merged into itself."""
    ALREADY_MERGED = "already_merged"
    """The customer was merged into another one before: undo that first."""
    NOT_MERGED = "not_merged"
    """There is no merge of this customer to undo."""
    MERGED_IN_A_CIRCLE = "merged_in_a_circle"
    """The other customer was merged into this one, directly or through others."""
    INTO_MERGED = "into_merged"
    """The other customer was merged itself, or is just being: name the one who goes on."""
    TOO_MANY_MERGES = "too_many_merges"
    """More customers, one into the other, than one person can be."""


class DeadLetterHeader(StrEnum):
    """Names of the headers added to a dead letter."""

    REASON = "x-error-reason"
    FIELD = "x-error-field"
    DETAIL = "x-error-detail"
    STAGE = "x-error-stage"
    ATTEMPT = "x-error-attempt"
    ORIGINAL_TOPIC = "x-original-topic"
    ORIGINAL_PARTITION = "x-original-partition"
    ORIGINAL_OFFSET = "x-original-offset"
    ORIGINAL_TIMESTAMP = "x-original-timestamp"
