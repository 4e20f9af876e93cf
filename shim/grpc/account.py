"""What is received and not yet handled, over all calls that share a bound."""


class Account:
    """The bytes of one payer."""

    __slots__ = ("size",)

    def __init__(self) -> None:
        self.size = 0
