"""Programs that other people write objects with: kubectl and Helm."""

import json
import os
import pathlib
import subprocess
from collections.abc import Callable, Iterable
from typing import Any

from harness.clusters import Cluster
from harness.errors import CommandFailed

BOUND = 60  # seconds that any command may take


class Tool:
    """One of them, as the test's own user of a cluster. It is looked for when it is first used."""

    def __init__(self, find: Callable[[], pathlib.Path], cluster: Cluster):
        self._find = find
        self._home = cluster.folder / "home"  # what it knows of the server is cached there
        self._environment = {"PATH": os.environ["PATH"], "HOME": str(self._home), "KUBECONFIG": str(cluster.kubeconfig)}

    def __call__(self, *arguments: str, objects: Iterable[dict[str, Any]] = ()) -> str:
        """What it printed. CommandFailed if it fails. `objects` go to its standard input."""
        program = self._find()
        self._home.mkdir(exist_ok=True)
        run = subprocess.run(
            [program, *arguments], env=self._environment, cwd=self._home, input="\n".join(map(json.dumps, objects)),
            capture_output=True, text=True, timeout=BOUND,
        )
        if run.returncode:
            raise CommandFailed(f"{program.name} {' '.join(arguments)} ended with {run.returncode}:\n{run.stdout}{run.stderr}")
        return run.stdout
