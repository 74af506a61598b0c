"""What the tests of the sandbox share: a real server beside it, which is always right."""

import os

import pytest

import comparison
from harness.clusters import RealServer
from harness.errors import HarnessError

IS_WORKER = "PYTEST_XDIST_WORKER" in os.environ


def real_folder(factory):
    """One for all workers of a run: they have their folders below the run's."""
    base = factory.getbasetemp()
    return (base.parent if IS_WORKER else base) / "real"


def pytest_sessionfinish(session):
    """The process that began the run stops the real server; workers have ended before it."""
    factory = getattr(session.config, "_tmp_path_factory", None)
    if factory is not None and factory._basetemp is not None and not IS_WORKER:
        RealServer(real_folder(factory)).stop()


@pytest.fixture(scope="session")
def both(tmp_path_factory):
    try:
        made = comparison.Both(RealServer(real_folder(tmp_path_factory)),
                               tmp_path_factory.mktemp("sandbox"))
    except HarnessError as error:
        # A desk may lack a program; in CI every test has to run.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))
    yield made
    made.stop()
