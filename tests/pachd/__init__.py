"""A simulator of pachd's auth, version and admin API, releases of 1.x and 2.x (`releases`).

``with Simulator(PachdV1()) as pachd:`` in a test, ``python -m tests.pachd`` as a process.
"""

from tests.pachd.certificate import self_signed
from tests.pachd.clock import LeapingClock, ManualClock
from tests.pachd.cluster_v1 import Auth
from tests.pachd.faults import When
from tests.pachd.server import Certificate
from tests.pachd.simulator import Simulator
from tests.pachd.v1 import PachdV1
from tests.pachd.v2 import PachdV2

__all__ = [
    "Auth",
    "Certificate",
    "LeapingClock",
    "ManualClock",
    "PachdV1",
    "PachdV2",
    "Simulator",
    "When",
    "self_signed",
]
