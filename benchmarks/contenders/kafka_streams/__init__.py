"""The engine job on Kafka Streams: built by Maven into `.cache`, run on the JVM, measured warm."""

import os
import shutil
from pathlib import Path

from benchmarks.contenders.job import Task
from benchmarks.harness.children import ROOT, ChildFailedError, call

HERE = Path(__file__).parent
CACHE = ROOT / ".cache" / "kafka_streams"
BUILD_SECONDS = 600.0
"""A slow line and an empty Maven cache."""
HEAP = "-Xmx1g"


def missing() -> str:
    """Why Kafka Streams cannot run here; empty when it can. Builds it the first time."""
    if absent := [tool for tool in ("java", "mvn") if shutil.which(tool) is None]:
        return f"it needs {' and '.join(absent)}"
    try:
        _build()
    except ChildFailedError as error:
        return f"Maven could not build it: {error}"
    return ""


def command(task: Task, guarantee: str = "at_least_once") -> list[str]:
    """The program for one run; it warms up by itself."""
    return [
        *("java", HEAP, "-XX:+UseParallelGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"),
        *("-cp", f"{CACHE / 'build' / 'classes'}{os.pathsep}{CACHE / 'libs'}/*"),
        "bench.Accounts",
        *(task.broker, task.source, task.group, str(task.count)),
        *(guarantee, str(task.max_records)),
    ]


def _build() -> None:
    done = CACHE / "complete"
    sources = [HERE / "pom.xml", *HERE.rglob("*.java")]
    if done.exists() and done.stat().st_mtime >= max(each.stat().st_mtime for each in sources):
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    status, out, _ = call(
        [
            *("mvn", "--quiet", "--batch-mode", "--file", str(HERE / "pom.xml")),
            f"-Dmaven.repo.local={CACHE / 'maven'}",
            f"-Doutput.directory={CACHE / 'build'}",
            *("compile", "dependency:copy-dependencies"),
            *(f"-DoutputDirectory={CACHE / 'libs'}", "-DincludeScope=runtime"),
        ],
        BUILD_SECONDS,
    )
    if status:
        raise ChildFailedError(out[-800:])
    done.touch()
