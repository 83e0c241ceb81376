"""Limits that contradict each other are refused before anything starts."""

import pytest

from streams.engine import ConfigurationError, EngineSettings, Stage, Table
from streams.engine.failpoints import from_environment
from tests.engine.fakes import OTHERS, ROWS, Channel, Row, stage_of


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"drain_seconds": 30.0}, "drain_seconds"),
        ({"heartbeat_interval_seconds": 11.0}, "heartbeat_interval_seconds"),
        ({"max_request_bytes": 1_000}, "max_request_bytes"),
        ({"changelog_soft_bytes": 16 << 20}, "changelog_soft_bytes"),
        ({"max_records": 0}, "max_records"),
    ],
)
def test_contradictions_are_named(limits: dict[str, float], message: str) -> None:
    """The error names the setting to change."""
    with pytest.raises(ConfigurationError, match=message):
        EngineSettings(bootstrap_servers="none", group_id="g", **limits)  # type: ignore[arg-type]


def test_secrets_are_not_shown() -> None:
    """Security settings stay out of every message that shows the settings."""
    settings = EngineSettings(
        bootstrap_servers="none", group_id="g", security={"sasl_plain_password": "hush"}
    )
    assert "hush" not in repr(settings)


def test_the_lease_is_half_the_session_unless_set() -> None:
    """None follows the session, a number counts, 0 switches it off."""
    assert EngineSettings(bootstrap_servers="none", group_id="g").lease == 15.0
    assert EngineSettings(bootstrap_servers="none", group_id="g", lease_seconds=0).lease == 0


def test_a_stage_must_fit_together() -> None:
    """Tables need a changelog, a changelog needs tables, prefixes are single and distinct."""
    with pytest.raises(ConfigurationError, match="changelog"):
        Stage(name="s", topics=("t",), channel=Channel(), tables=(ROWS,))
    with pytest.raises(ConfigurationError, match="tables"):
        Stage(name="s", topics=("t",), channel=Channel(), changelog="log")
    with pytest.raises(ConfigurationError, match="no source topic"):
        Stage(name="s", topics=(), channel=Channel())
    clash = Table(name="clash", prefix=ROWS.prefix, row_type=Row)
    with pytest.raises(ConfigurationError, match="share"):
        Stage(name="s", topics=("t",), channel=Channel(), changelog="l", tables=(ROWS, clash))
    with pytest.raises(ConfigurationError, match="1 byte"):
        Table(name="long", prefix=b"xx", row_type=Row)


def test_scopes_keep_topics_of_one_stage_apart() -> None:
    """No scope is the beginning of another one, and a single topic needs none."""
    assert stage_of("one").scope_of("one") == b""
    stage = stage_of("a", "ab", "abc")
    scopes = [stage.scope_of(topic) for topic in stage.topics]
    assert not any(one != two and one.startswith(two) for one in scopes for two in scopes)
    assert stage.tables == (ROWS, OTHERS)


def test_a_misspelt_failpoint_is_refused() -> None:
    """A test that arms nothing would prove nothing."""
    with pytest.raises(ValueError, match="place must be one of"):
        from_environment("efects_acked:0.5")
    from_environment(None)("folded")


def test_a_failpoint_kills_at_the_nth_pass() -> None:
    """Other places do not count."""
    deaths: list[str] = []
    reached = from_environment("folded:2", lambda: deaths.append("died"))
    for place in ("folded", "committed", "folded", "folded"):
        deaths.append(place)
        reached(place)
    assert deaths == ["folded", "committed", "folded", "died", "folded"]


def test_a_failpoint_may_belong_to_one_stage() -> None:
    """Passes in other stages do not count."""
    deaths: list[str] = []
    reached = from_environment("intake/folded:2", lambda: deaths.append("died"))
    for stage in ("intake", "customers", "customers", "intake"):
        deaths.append(stage)
        reached("folded", stage)
    assert deaths == ["intake", "customers", "customers", "intake", "died"]
