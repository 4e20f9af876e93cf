import os

if os.environ.get("TRANSPORT") == "compiled":
    from tests import compiled  # not for all: each process of the suite begins here

    compiled.use()
