"""The chaos suite: what breaks on purpose, how often, and what is lost by it.

`make chaos` runs it at full size, `make test` a short cut of the same tests, `make soak` the soak
alone. `scenarios.SCENARIOS` says what is tried and how often.
"""
