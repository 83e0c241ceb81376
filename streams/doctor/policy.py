"""Whether the policy file of this machine is the one in force."""

from schemas.policy import PolicySet
from streams.doctor.findings import Finding, doubtful, fine, unknown
from streams.errors import UserError
from streams.policies import Published, Standing, read_published, standing
from streams.policy_files import require_policy
from streams.settings import Settings

CHECK = "version"
TIME = "%Y-%m-%d %H:%M UTC"


async def check_version(settings: Settings) -> Finding:
    """Compare the file with what is published; a machine without a file follows what is."""
    try:
        published = await read_published(settings.kafka_clients())
        policy = require_policy(settings.policy) if settings.policy is not None else None
    except UserError as error:
        return unknown(CHECK, error.message)
    return judge(policy, published)


def judge(policy: PolicySet | None, published: Published) -> Finding:
    """What there is to say of a file's version (None: there is no file here)."""
    newest = published.newest
    if newest is None:
        return unknown(CHECK, "no version of the policy is published yet: no worker has started")
    since = f"{newest.policy.digest} of {newest.published_by}, {newest.published_at:{TIME}}"
    if policy is None:
        return fine(CHECK, f"in force is {since}")
    match standing(published, policy.digest):
        case Standing.IN_FORCE:
            return fine(CHECK, f"the file is in force: {since}")
        case Standing.NEWS:
            return doubtful(
                CHECK,
                f"the file holds {policy.digest}, which was never published; in force is {since}",
                "A running worker that has this file publishes it; or: manyi policy publish FILE",
            )
        case Standing.SUPERSEDED:
            return doubtful(
                CHECK,
                f"the file holds {policy.digest}, which was superseded by {since}",
                "Bring the newer file here, or go back: manyi policy publish FILE",
            )
