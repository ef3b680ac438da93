"""A cache of its own for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hierarchy.worlds import Server, served


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HUGFLOW_OVERRIDES", "GITHUB_SERVER_URL", "GITHUB_API_URL", "GITHUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HUGFLOW_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with served(tmp_path / "www") as running:
        yield running
