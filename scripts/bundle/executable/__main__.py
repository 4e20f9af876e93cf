"""Names the newest packages of the release at hand in its lock; `make lock` runs it."""

import sys

from scripts.bundle.executable.recipe import lock_anew
from scripts.bundle.executable.target import Unbuildable

try:
    lock_anew()
except Unbuildable as lack:
    sys.exit(f"lock: {lack}")
