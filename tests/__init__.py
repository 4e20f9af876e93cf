from tests import compiled

if compiled.ASKED_FOR:
    compiled.use()
