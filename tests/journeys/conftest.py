"""One deployed local stack for all journeys."""

import os
import shutil

import pytest
from rig import paths
from rig.client import Client
from rig.stack import stack

RECORD = paths.LOCAL / "ews-record"


@pytest.fixture(scope="session")
def local():
    """The stack: leases and waits run twenty times faster, a chunk has two seconds."""
    shutil.rmtree(RECORD, ignore_errors=True)
    with stack("test", time_scale=0.05, chunk_seconds=2, record=RECORD) as started:
        yield started


@pytest.fixture
def client(local):
    """A client with the operator key; it takes over the token of the migration that it creates."""
    return Client(local.url, local.operator_key)


@pytest.fixture(autouse=True)
def calm(request):
    """Ends trouble that a test made at the stand-in."""
    yield
    if "local" in request.fixturenames:
        request.getfixturevalue("local").standin.call("DELETE", "knobs")


def pytest_collection_modifyitems(items):
    """Puts the check of all recorded envelopes last."""
    items.sort(key=lambda item: "test_envelopes" in item.nodeid)


def pytest_report_header():
    """Says whether the recorded envelopes can be checked."""
    return f"EWS schema: {os.environ.get('EWS_SCHEMA_VALIDATE', 'not here, its test is skipped')}"
