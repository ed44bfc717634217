"""What pytest loads: the fixtures."""

from __future__ import annotations

from typing import Iterator

import pytest

from .server import Server, World


@pytest.fixture(scope="session")
def callsheet_mock_server() -> Iterator[Server]:
    """The process of the fake: one for each session (with pytest-xdist, one for each worker)."""
    with Server() as server:
        yield server


@pytest.fixture
def callsheet_mock(callsheet_mock_server: Server) -> Iterator[World]:
    """A fake of the video API for this test alone: ``url``, ``key``, ``book()``, ``verify()``,
    ``scenario()``, ``task()``."""
    world = callsheet_mock_server.world()
    yield world
    callsheet_mock_server.end(world)
