"""Characters that show nothing, by which one name could pass for another.

The property Default_Ignorable_Code_Point of Unicode, which `unicodedata` does not have: its
ranges are those of DerivedCoreProperties.txt of the Unicode Character Database (version 16.0;
the same since 9.0 but for what is reserved among them).
"""

from __future__ import annotations

import re

DEFAULT_IGNORABLE = (
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
# Not ignorable by that property, but drawn as nothing: the empty pattern of Braille, a note without
# a head, the filler of Khitan.
_BLANK = "\u2800\U0001d159\U00016fe4"

INVISIBLE = re.compile(
    "[" + "".join(f"{chr(a)}-{chr(z)}" for a, z in DEFAULT_IGNORABLE) + _BLANK + "]"
)
