"""`python -m deploy.kafka`: run a broker, or several, in the foreground until Ctrl-C."""

import argparse
import contextlib
import signal
import sys
from pathlib import Path

from deploy.kafka.local import KafkaUnavailable, LocalKafka


def main() -> int:
    """Run the command; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m deploy.kafka", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="where to listen; default: a free port")
    parser.add_argument("--directory", type=Path, help="keep the data here; default: nowhere")
    parser.add_argument("--brokers", type=int, default=1, help="how many; default: 1")
    parser.add_argument(
        "--guarded", action="store_true", help="ask for TLS and a password, as production does"
    )
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with (
            LocalKafka(
                given.directory, given.port, brokers=given.brokers, guarded=given.guarded
            ) as kafka,
            contextlib.suppress(KeyboardInterrupt),
        ):
            for name, value in kafka.environment().items():
                print(f"{name}={value}", flush=True)
            return kafka.wait()
    except KafkaUnavailable as unavailable:
        print(f"error: {unavailable}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
