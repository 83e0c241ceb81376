"""Apache Kafka's jars: fetched once by Maven into the checkout's cache, or given.

They (about 60 MB) go into `.cache/kafka` of the checkout; `$KAFKA_LIBS` names a directory that has
them already. Needs Java 17 or newer and Maven.
"""

import os
import shutil
import subprocess
from pathlib import Path

__all__ = ["KafkaUnavailable", "fetch_libs", "missing_tools"]

POM = Path(__file__).with_name("pom.xml")
CACHE = Path(__file__).resolve().parents[2] / ".cache" / "kafka"
LIBS_VARIABLE = "KAFKA_LIBS"
FETCH_SECONDS = 600.0
"""A slow line and an empty Maven cache."""


class KafkaUnavailable(Exception):
    """There is no Kafka to be had here; the message says why."""


def missing_tools() -> list[str]:
    """The programs a local Kafka needs and this machine has not."""
    return [tool for tool in ("java", "mvn") if shutil.which(tool) is None]


def fetch_libs() -> Path:
    """The directory with the jars, fetched by Maven the first time."""
    if given := os.environ.get(LIBS_VARIABLE):
        return Path(given)
    libs = CACHE / "libs"
    done = CACHE / "complete"
    if done.exists() and done.stat().st_mtime >= POM.stat().st_mtime:
        return libs
    shutil.rmtree(libs, ignore_errors=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    fetched = subprocess.run(
        [
            *("mvn", "--quiet", "--batch-mode", "--file", str(POM)),
            f"-Dmaven.repo.local={CACHE / 'maven'}",
            f"-DoutputDirectory={libs}",
            "dependency:copy-dependencies",
        ],
        capture_output=True,
        text=True,
        timeout=FETCH_SECONDS,
        check=False,
    )
    if fetched.returncode:
        raise KafkaUnavailable(f"Maven could not fetch Kafka: {fetched.stdout[-800:]}")
    done.touch()
    return libs
