"""The demonstration: a real server, two simulated clusters, and an operator's day with them."""
