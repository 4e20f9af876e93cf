"""Build the plugin into one executable file: `python -m scripts.bundle`.

The file is a zip archive behind a `#!` line. Its sha256, which Vault pins, therefore covers all
code that runs but the interpreter with its standard library and the system's libraries.
"""
