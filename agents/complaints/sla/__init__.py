"""The SLA engine: policies, calendars and clocks as pure functions of a complaint's history.

| module | what lives there |
|---|---|
| `durations` | `5s`, `1h30m`, `3wd`: reading and writing them |
| `policy_file` | YAML text -> `PolicySet`, or every problem with its line |
| `calendars` | counted time, exact to the microsecond, across zones and holidays |
| `plan` | a `PolicySet` compiled: which policy holds, which calendar counts |
| `clocks` | `evaluate(history, ...) -> clocks`, and `explain` |
| `announcements` | `announce(...)`: what must be said now, and when to look again |
| `explaining` | a complaint's clocks as data: every stretch with its cause |
| `journeys` | expectations in YAML, run on a virtual clock |
| `calendar_cases` | dated cases of calendars: deadlines and elapsed times |
| `policy_tests` | runs both of them, a line each |
| `policy_words` | what a policy promises, in words |
| `replay`, `hindsight` | a finished history, deadline by deadline or in one pass |
| `judging`, `sameness` | histories under one policy or several, what they say alike once |
| `figures`, `whatif` | what a policy kept and broke, counted; what another changes |
| `suggest` | the limits that histories would have kept |
| `selfcheck` | a replay beside production's own verdicts |
"""
