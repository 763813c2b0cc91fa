"""Fixtures of the API tests."""

from collections.abc import AsyncIterator

import pytest

from tests.read_rig import ReadRig


@pytest.fixture
async def reader() -> AsyncIterator[ReadRig]:
    """The read service on empty twins, with two workspaces."""
    rig = ReadRig()
    await rig.open()
    yield rig
    await rig.close()
