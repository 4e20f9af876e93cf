"""A new engine's project: an engine, its tests, and a Makefile that lints, tests and builds it."""
