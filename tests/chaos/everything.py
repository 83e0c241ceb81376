"""All that is compared, in the order in which one thing rests on another."""

from datetime import datetime

from tests.chaos.fleet import Fleet
from tests.chaos.judge import Judge
from tests.chaos.kept import judge_kept
from tests.chaos.published import judge_published
from tests.chaos.verdict import Verdict
from tests.chaos.views import judge_views

__all__ = ["judge_everything"]


async def judge_everything(fleet: Fleet, stopped_at: datetime) -> Verdict:
    """The verdict on what the workers have left when they stopped at that time."""
    judge = Judge(fleet.settings, fleet.group, stopped_at)
    await judge.read()
    await judge_kept(judge)
    await judge_published(judge)
    await judge_views(judge, redis_was_emptied=fleet.redis_was_emptied)
    return judge.verdict
