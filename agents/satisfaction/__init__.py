"""How satisfied customers are: scores on their scales, counts that can be added, figures derived.

`scores` reads a rating, `sketch` and `rows` are the counts and their sum, `board` adds tallies to
rows, `derive` and `change` turn counts into figures with intervals. Definitions and sources:
docs/satisfaction.md.
"""
