"""The one kind of error that the command shows to its user."""

SKIPPED = 77  # What test runners (automake, meson, ctest) read as "skipped".


class Failure(Exception):
    """Something the user can act on: the text says what happened and what to do."""

    def __init__(self, text: str, exit_code: int = 1):
        super().__init__(text)
        self.exit_code = exit_code
