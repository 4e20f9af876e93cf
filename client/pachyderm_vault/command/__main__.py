"""``python -m pachyderm_vault.command``."""

import sys

from pachyderm_vault.command import main

sys.exit(main())
