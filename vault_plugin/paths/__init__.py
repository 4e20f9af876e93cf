"""The paths of the engine, a module for each."""
