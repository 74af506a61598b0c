"""What the harness reports when a step did not do what the test relies on."""


class HarnessError(Exception):
    """The harness itself cannot go on: a program is missing, a server does not start."""


class CommandFailed(AssertionError):
    """A command ended otherwise than expected. The text carries what it printed."""
