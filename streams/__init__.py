"""The machinery that runs the rules on Kafka, and the command line that operates it.

The only package that knows Faust, Kafka, Redis, HTTP and a clock.
"""
