"""Settings of the engine, drawn from a seed: small limits, so that little work reaches them all."""

from random import Random

from streams.engine import EngineSettings

__all__ = ["engine_settings"]


def engine_settings(rng: Random) -> EngineSettings:
    """Limits for all workers of a run."""
    return EngineSettings(
        bootstrap_servers="simulated",
        group_id="simulated",
        session_timeout_seconds=6.0,
        heartbeat_interval_seconds=1.5,
        rebalance_timeout_seconds=5.0,
        drain_seconds=rng.choice([1.0, 2.0]),
        lease_seconds=rng.choice([None, 0.0]),
        max_records=rng.choice([1, 3, 10, 50]),
        depth=rng.choice([1, 2, 2, 3]),
        poll_seconds=2.0,
        decoded_rows=rng.choice([1, 4, 1_000]),
        idempotent=rng.random() < 0.75,
        effect_batch_bytes=rng.choice([600, 1 << 19]),
        changelog_soft_bytes=rng.choice([4_000, 8 << 20]),
        request_timeout_seconds=rng.choice([3.0, 6.0]),
        ask_seconds=4.0,
        commit_seconds=rng.choice([0.3, 1.0]),
        audit_seconds=3.0,
        restoring_lanes=rng.choice([1, 2, 4]),
        restore_records=rng.choice([3, 5_000]),
        deleted_row_seconds=20.0,
        start_seconds=20.0,
        stall_seconds=rng.choice([5.0, 30.0]),
        hard_exit_seconds=0.0,
        tune_gc=False,
    )
