"""A plugin's life as a process of the host's: how it starts, what it guards, when it ends."""
