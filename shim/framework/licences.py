"""The licence notices that a built file carries."""

from __future__ import annotations

import importlib


def licences() -> str:
    """All of them as one text; "" where this runs from no built file."""
    try:
        text: str = importlib.import_module("_licences").TEXT
    except ImportError:
        return ""
    return text
