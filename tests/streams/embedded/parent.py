"""A process that starts the embedded services, for tests to end in every ugly way.

Prints a line of JSON with the pids and the directory when both are up, then waits for its end.
`fork`: a fork lives on, with every open pipe. `drain`: on Ctrl-C, prints whether both still answer.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

from streams.embedded import EmbeddedServices, probes


def main(mode: str) -> None:
    """Start the services and wait."""
    tempfile.tempdir = sys.argv[2]
    with EmbeddedServices() as services:
        forked = os.fork() if mode == "fork" else -1
        if forked == 0:
            time.sleep(60)
            os._exit(0)
        directories = [str(path) for path in Path(sys.argv[2]).iterdir()]
        facts = {"pids": dict(services.pids), "directories": directories, "fork": forked}
        try:
            print(json.dumps(facts), flush=True)
            time.sleep(60)
        except KeyboardInterrupt:
            host, port = services.bootstrap_servers.split(":")
            print(json.dumps({"still": probes.broker_cluster_id(host, int(port))}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
