"""Versions of the policy: from a changed file to every partition's log, while the workers run.

    file ──► watch ──► sla-policies.v1 ──► service ──► customer-events.v1, each partition
            (checked)   (all versions)                  (ordered with what it judges)

- `publishing`: what stands on `sla-policies.v1`, and whether a worker's file is news.
- `watch`: the file of this worker and the feeds it names; a broken one is refused.
- `service`: follows the versions; `telling` tells the partitions this worker owns, and lets a
  retroactive version reach the customers it is about, some at a time.
"""

from streams.policies.observer import PolicyObserver, Reload
from streams.policies.publishing import (
    Published,
    Standing,
    publish_policy,
    read_published,
    standing,
)
from streams.policies.service import PolicyService
from streams.policies.settings import PolicySettings
from streams.policies.watch import PolicyFile

__all__ = [
    "PolicyFile",
    "PolicyObserver",
    "PolicyService",
    "PolicySettings",
    "Published",
    "Reload",
    "Standing",
    "publish_policy",
    "read_published",
    "standing",
]
