"""Logging of a process: one line a message on standard error, libraries at warning."""

import logging

NOISY = ("aiokafka", "faust", "mode", "kafka", "aiohttp.access")
FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def set_up_logging(level: str) -> None:
    """Log at `level` (a name such as `info`); libraries speak from warning on.

    Faust's own worker would set the root logger to debug, which builds every record of aiokafka and
    costs about a tenth of the time; so it is never used.
    """
    logging.basicConfig(level=level.upper(), format=FORMAT)
    for name in NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
