"""The engine job, done by several programs: per customer the count, the total, the last ten ids.

Each runs as a process of its own (`python -m benchmarks.contenders.NAME`), told by a JSON document
what to do, and prints what it took as another one.
"""
