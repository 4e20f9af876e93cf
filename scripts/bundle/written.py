"""The modules that a build itself writes into the file."""

from scripts.bundle.engine import Engine


def engine_text(engine: Engine) -> str:
    """`_engine`: what to run."""
    return f"from {engine.module} import main as main\n"


def licences_text(notices: str) -> str:
    """`_licences`: the notices of all that is inside, which `shim.licences` gives."""
    return f"TEXT = {notices!r}\n"
