"""Names the newest packages of the release at hand in its lock; `make lock` runs it."""

import sys
from pathlib import Path

from scripts.bundle.executable.recipe import prepare
from scripts.bundle.executable.target import Unbuildable, target

BUILD = Path(__file__).resolve().parents[3] / "build"

try:
    prepare(target(), BUILD / "debian", anew=True)
except Unbuildable as lack:
    sys.exit(f"lock: {lack}")
