"""How long a mount waits for its host."""

from typing import Final

#: seconds one call of storage or system view may take
DEADLINE: Final = 5.0
