"""Named limits of the contract: every text and list on the wire has one.

A text over its limit is cut (and flagged, where the record says so); a list over its limit keeps
its first entries. Only the limits of required ids reject a record: an id that is cut would no
longer be an id.
"""

RECORD_BYTES = 1_048_576
"""Largest channel record taken in, in bytes: Kafka's default for `max.message.bytes`."""

TOPIC_MESSAGE_BYTES = 8_388_608
"""`max.message.bytes` of channel topics: oversized records must arrive to be reported."""

DEAD_LETTER_BYTES = 9_437_184
"""`max.message.bytes` of dead-letter topics: the largest original plus its reason headers."""

SOURCE = 64
SOURCE_ID = 256
CONVERSATION_ID = 256
HANDLES = 16
HANDLE_VALUE = 320
"""An e-mail address has at most 64 + 1 + 255 characters (RFC 5321, section 4.5.3.1)."""
HANDLE_NAMESPACE = 64
REFS = 16
REF_VALUE = 128
NAME = 200
REPRESENTATIVE_ID = 128
TEAM = 128
TEXT = 20_000
HTML = 200_000
LANGUAGE = 35
"""BCP 47 asks for at least 35 characters (RFC 5646, section 4.4.1)."""
CATEGORY = 64
TAGS = 32
TAG = 64
ATTRIBUTES = 64
ATTRIBUTE_KEY = 64
ATTRIBUTE_VALUE = 2_000
RATING_LABEL = 100
RATING_QUESTION = 500
RATING_COMMENT = 4_000
DIMENSION = 64

PHONE_NUMBER = 64
QUEUE = 128
DURATION_SECONDS = 7 * 86_400
IVR_PATH = 64
IVR_KEY = 32
TRANSCRIPT_TURNS = 2_000
TRANSCRIPT_CHARS = 200_000

MESSAGE_ID = 998
"""One line of a mail header (RFC 5322, section 2.1.1)."""
REFERENCES = 100
IN_REPLY_TO = 20
ADDRESSES = 100
MAILBOX_TAG = 128
SUBJECT = 998
MAIL_ATTACHMENTS = 50
FILE_NAME = 255
MEDIA_TYPE = 127

CHAT_ATTACHMENTS = 20
MENU_ID = 128

PAGE_URL = 2_048
FORM_FIELDS = 64
PROBLEM = 500
TITLE = 200
PRODUCT = 128
AMOUNT_DIGITS = 24

GIVEN_ID = 64
COMMAND_COMMENT = 4_000
COMMAND_REASON = 128

OLDEST_OCCURRED_AT_YEAR = 2000
FUTURE_SECONDS = 86_400
"""An event later than its arrival + 1 day is a broken clock, such as an epoch in a wrong unit."""
