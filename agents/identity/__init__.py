"""Identity: which customer a record is about, decided by its handles alone.

Customers are never merged here: a handle belongs to the customer it was first linked to, and
handles of one record that point to different customers are reported as a conflict.
"""

from agents.identity.resolve import (
    IdentityBook,
    IdentityLimits,
    Resolution,
    identity_links,
)

__all__ = ["IdentityBook", "IdentityLimits", "Resolution", "identity_links"]
