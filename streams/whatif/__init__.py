"""What another policy would have meant: histories from files or the log, judged, and reported.

Nothing is sent and nothing is written but the report.
"""
