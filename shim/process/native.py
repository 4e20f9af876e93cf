"""Four calls that Python's library lacks.

The executable has them in a module of its own, `_shim`; elsewhere packages make them. Either way:

`prctl(option, value)` and `mlockall(flags)` are the system calls; they raise OSError.
`forget_bytecode()` gives back the memory of the file's bytecode, once all is imported.
`self_signed(name, not_before, not_after)` makes a P-256 key and a certificate of it for a DNS name
of small letters, digits, dots and hyphens, times in Unix seconds: (DER of the certificate, PEM of
both). It raises ValueError for what no such certificate can tell. P-256, since hosts verify it like
their own P-521, and each TLS handshake costs a tenth.
"""

from __future__ import annotations

import sys

if "_shim" in sys.builtin_module_names:
    from _shim import forget_bytecode, mlockall, prctl, self_signed
else:
    from shim.process.packaged import forget_bytecode, mlockall, prctl, self_signed

__all__ = ["forget_bytecode", "mlockall", "prctl", "self_signed"]
