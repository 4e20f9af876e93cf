from pathlib import Path

import pytest

from scripts.bundle import contents
from scripts.bundle.contents import IncompleteError
from scripts.bundle.engine import Engine

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("native", contents.NATIVES)
def test_a_missing_native_module_ends_the_build(
    native: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "LEFT_OUT", (*contents.LEFT_OUT, native))
    with pytest.raises(IncompleteError, match=native):
        contents.contents(Engine(ROOT / "vault_plugin"))
