"""An engine that looks up names and dials, as engines do, and prints what came of it."""

VERSION = "1"
