"""The services every plugin process serves besides its backend."""

from shim.services.broker import Broker
from shim.services.controller import Controller
from shim.services.health import Health
from shim.services.multiplexing import Multiplexing
from shim.services.stdio import Stdio
from shim.services.version import Version

__all__ = ["Broker", "Controller", "Health", "Multiplexing", "Stdio", "Version"]
