"""An SDK for plugins of HashiCorp Vault and OpenBao: secrets engines in Python.

Declare a `Backend` of `Path` and `LeaseType` values and hand a function that makes one to
`serve`; see ``examples/hello.py``.
"""

from shim.backend import Backend, SpecialPaths
from shim.durations import show as show_duration
from shim.errors import (
    BackendError,
    CodedError,
    ErrorType,
    PermissionDenied,
    ReadOnly,
    Unrecoverable,
    UnsupportedOperation,
    UnsupportedPath,
    UserError,
)
from shim.fields import (
    BOOL,
    COMMA_LIST,
    DURATION,
    INT,
    LOWER_CASE_STRING,
    MAP,
    NAME,
    PAIRS,
    STRING,
    TIME,
    Field,
    Fields,
    Kind,
)
from shim.host import Entity, Host, ReadOnlyStorage, Storage, StorageError, SystemView
from shim.leases import Cap, LeaseType, clamp
from shim.masked import Masked
from shim.pages import PAGE, page
from shim.paths import Action, Path
from shim.plugin import serve
from shim.requests import Lease, Operation, Request, Response, listing

__all__ = [
    "BOOL",
    "COMMA_LIST",
    "DURATION",
    "INT",
    "LOWER_CASE_STRING",
    "MAP",
    "NAME",
    "PAGE",
    "PAIRS",
    "STRING",
    "TIME",
    "Action",
    "Backend",
    "BackendError",
    "Cap",
    "CodedError",
    "Entity",
    "ErrorType",
    "Field",
    "Fields",
    "Host",
    "Kind",
    "Lease",
    "LeaseType",
    "Masked",
    "Operation",
    "Path",
    "PermissionDenied",
    "ReadOnly",
    "ReadOnlyStorage",
    "Request",
    "Response",
    "SpecialPaths",
    "Storage",
    "StorageError",
    "SystemView",
    "Unrecoverable",
    "UnsupportedOperation",
    "UnsupportedPath",
    "UserError",
    "clamp",
    "listing",
    "page",
    "serve",
    "show_duration",
]
