"""Fixtures of the API tests."""

from collections.abc import AsyncIterator

import pytest

from tests.read_rig import ReadRig
from tests.write_api_rig import WriteRig


@pytest.fixture
async def reader() -> AsyncIterator[ReadRig]:
    """The read service on empty twins, with two workspaces."""
    rig = ReadRig()
    await rig.open()
    yield rig
    await rig.close()


@pytest.fixture
async def writer() -> AsyncIterator[WriteRig]:
    """The write service on empty twins, with the quickstart ledger."""
    rig = WriteRig()
    await rig.open()
    await rig.quickstart()
    yield rig
    await rig.services.committer.close()
    await rig.close()
