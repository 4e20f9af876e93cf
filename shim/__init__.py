"""An SDK for plugins of HashiCorp Vault and OpenBao: secrets engines in Python.

Declare a `Backend` of `Path` and `LeaseType` values and hand a function that makes one to
`serve`; see ``examples/hello.py``.
"""

from shim.framework import wal
from shim.framework.backend import Backend, SpecialPaths
from shim.framework.declared import Misdeclared
from shim.framework.durations import show as show_duration
from shim.framework.errors import (
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
from shim.framework.fields import (
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
from shim.framework.host import (
    Alias,
    ClusterInfo,
    Entity,
    Group,
    Host,
    HostError,
    NoTransactions,
    PluginEnvironment,
    ReadOnlyStorage,
    ReplicationState,
    Storage,
    StorageError,
    StoredEntry,
    SystemView,
    SystemViewError,
)
from shim.framework.leases import Cap, LeaseType, clamp
from shim.framework.licences import licences
from shim.framework.masked import Masked
from shim.framework.pages import PAGE, page
from shim.framework.paths import Action, Path
from shim.framework.requests import Lease, Operation, Request, Response, listing
from shim.plugin import serve
from shim.process.install import NotInstalled, install

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
    "Alias",
    "Backend",
    "BackendError",
    "Cap",
    "ClusterInfo",
    "CodedError",
    "Entity",
    "ErrorType",
    "Field",
    "Fields",
    "Group",
    "Host",
    "HostError",
    "Kind",
    "Lease",
    "LeaseType",
    "Masked",
    "Misdeclared",
    "NoTransactions",
    "NotInstalled",
    "Operation",
    "Path",
    "PermissionDenied",
    "PluginEnvironment",
    "ReadOnly",
    "ReadOnlyStorage",
    "ReplicationState",
    "Request",
    "Response",
    "SpecialPaths",
    "Storage",
    "StorageError",
    "StoredEntry",
    "SystemView",
    "SystemViewError",
    "Unrecoverable",
    "UnsupportedOperation",
    "UnsupportedPath",
    "UserError",
    "clamp",
    "install",
    "licences",
    "listing",
    "page",
    "serve",
    "show_duration",
    "wal",
]
