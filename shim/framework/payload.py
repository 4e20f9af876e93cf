"""The JSON inside ``pb.Request``, ``pb.Response`` and ``pb.Secret``: text to values and back.

The host hands a caller's body on as it came, checked by Go's decoder. That one lets through what
cannot be kept here or sent back: numbers beyond a float64, integers of any length, deep nesting.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

_NOTHING = "null"  # what Go makes of no data, and the host of no body
_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")  # an escape for half of a character


def decode(text: str) -> dict[str, Any]:
    """The object in `text`, an empty one for anything else (``null`` is what no body looks like).

    Raises ValueError with words that say what of the text cannot be taken, and never show it.
    """
    if not text or text == _NOTHING:
        return {}
    try:
        value = _DECODER.decode(text)
        if _HALF_PAIR.search(text):
            encode(value).encode()
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at character {error.pos}") from None
    except UnicodeEncodeError:
        raise ValueError("text with half of a surrogate pair") from None
    except ValueError:
        raise ValueError("a number that is too large") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value if isinstance(value, dict) else {}


def encode(value: object) -> str:
    """`value` as JSON. Raises TypeError and ValueError for what JSON does not have."""
    return _NOTHING if value is None else _ENCODER.encode(value)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError
    return number


_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_finite)
