"""What the tests of the sandbox share: a real server beside it, which is always right."""

import os

import pytest

import comparison
from harness.errors import HarnessError


@pytest.fixture(scope="session")
def both(tmp_path_factory):
    try:
        made = comparison.Both(tmp_path_factory.mktemp("both"))
    except HarnessError as error:
        # A desk may lack a program; in CI every test has to run.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))
    yield made
    made.stop()
