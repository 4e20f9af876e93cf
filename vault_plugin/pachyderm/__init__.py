"""The client of pachd: one small module for each generation of its API behind one interface."""
