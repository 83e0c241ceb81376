"""All that is compared, in the order in which one thing rests on another."""

from datetime import datetime

from streams.settings import Settings
from tests.chaos.judge import Judge
from tests.chaos.kept import judge_kept
from tests.chaos.published import judge_published
from tests.chaos.verdict import Verdict
from tests.chaos.views import judge_views

__all__ = ["judge_everything"]


async def judge_everything(settings: Settings, group: str, stopped_at: datetime) -> Verdict:
    """The verdict on what the workers of a group have left when they stopped at that time."""
    judge = Judge(settings, group, stopped_at)
    await judge.read()
    await judge_kept(judge)
    await judge_published(judge)
    await judge_views(judge)
    return judge.verdict
