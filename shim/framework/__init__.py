"""What an engine is declared with, and how a request finds its handler in it."""
