"""Messages of the simulated APIs, generated; their packages clash with nobody else's."""
