"""terraform and tofu: where they are, and what they print."""

import contextlib
import dataclasses
import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
from typing import Any

from harness.errors import HarnessError

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVERS = ROOT / "acceptance-tests/servers/servers"
REGISTRY = {"terraform": "registry.terraform.io", "tofu": "registry.opentofu.org"}

# What core says when a provider breaks the protocol's rules, in output or in a trace log.
FORBIDDEN = (
    "Provider produced inconsistent",
    "Provider produced invalid",
    "Provider returned invalid",
    "Provider produced an",
    "produced an invalid plan",
    "produced an unexpected new value",
    "produced an invalid new value",
    "legacy plugin SDK",
    "legacy SDK",
    "inconsistent result",
    "Plugin did not respond",
    "Plugin error",
    "plugin crashed",
    "panic:",
    "planned set element",
    "function returned an inconsistent result",
)


@dataclasses.dataclass(frozen=True)
class Cli:
    """One program that applies configurations."""

    name: str  # terraform or tofu
    path: str
    version: tuple[int, ...]

    @property
    def provider_address(self) -> str:
        return f"{REGISTRY[self.name]}/charon/charon"

    def __str__(self) -> str:
        return self.name


@functools.cache
def built(program: str) -> pathlib.Path:
    """The folder of what `servers build` made. HarnessError, which says what to do, if it made none."""
    run = subprocess.run([SERVERS, "path", program], capture_output=True, text=True)
    if run.returncode:
        raise HarnessError(run.stderr.strip())
    return pathlib.Path(run.stdout.strip())


@functools.cache
def find(name: str) -> Cli | None:
    """CHARON_TERRAFORM or CHARON_TOFU, PATH, then what `servers build` made; None if there is none."""
    path = os.environ.get(f"CHARON_{name.upper()}") or shutil.which(name)
    if not path and name == "tofu":
        with contextlib.suppress(HarnessError):
            path = str(built("opentofu") / "tofu")
    if not path:
        return None
    environment = {"PATH": os.environ["PATH"], "CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": os.devnull}
    run = subprocess.run([path, "version", "-json"], env=environment, capture_output=True, text=True)
    if run.returncode:
        raise HarnessError(f"{path} version: {run.stderr}")
    version = json.loads(run.stdout)["terraform_version"]
    return Cli(name, path, tuple(int(n) for n in re.findall(r"\d+", version)[:3]))


def provider_binary() -> pathlib.Path:
    """The executable under test."""
    path = pathlib.Path(
        os.environ.get("CHARON_PROVIDER") or ROOT / "build/release/terraform-provider-charon"
    )
    if not os.access(path, os.X_OK):
        raise HarnessError(
            f"there is no provider at {path}; build it (cmake --preset release && cmake --build"
            " --preset release) or name one in CHARON_PROVIDER"
        )
    return path.resolve()


# --- What a command printed ---------------------------------------------------------------------


def squeezed(text: str) -> str:
    """Without the boxes and line breaks of the terminal form."""
    return re.sub(r"[\s│╷╵]+", " ", text).strip()


@dataclasses.dataclass(frozen=True)
class Diagnostic:
    severity: str  # error or warning
    summary: str
    detail: str
    address: str
    code: str  # the line of configuration that it points at
    line: int
    values: dict[str, str]

    @staticmethod
    def of(message: dict[str, Any]) -> "Diagnostic":
        snippet = message.get("snippet") or {}
        return Diagnostic(
            message["severity"], message["summary"], message.get("detail", ""),
            message.get("address", ""), snippet.get("code", "").strip(),
            (message.get("range") or {}).get("start", {}).get("line", 0),
            {v["traversal"]: v["statement"] for v in snippet.get("values") or ()},
        )

    @property
    def text(self) -> str:
        return squeezed(f"{self.summary}: {self.detail}")

    def __str__(self) -> str:
        where = f" [{self.address} {self.code!r}]" if self.address or self.code else ""
        return f"{self.severity}: {self.text}{where}"


@dataclasses.dataclass(repr=False)
class Result:
    """A command that has ended."""

    arguments: list[str]
    code: int
    stdout: str
    stderr: str
    seconds: float
    trace: pathlib.Path | None  # TF_LOG=TRACE

    @functools.cached_property
    def messages(self) -> list[dict[str, Any]]:
        """The objects of a command that ran with -json (one a line)."""
        found = []
        for line in self.stdout.splitlines():
            if line.startswith("{"):
                found.append(json.loads(line))
        return found

    @functools.cached_property
    def diagnostics(self) -> list[Diagnostic]:
        return [
            diagnostic
            for message in self.messages
            if message.get("type") == "diagnostic" and message.get("diagnostic")
            and (diagnostic := Diagnostic.of(message["diagnostic"])).summary
            != "Provider development overrides are in effect"
        ]

    @property
    def errors(self) -> list[Diagnostic]:
        return [d for d in self.diagnostics if d.severity == "error"]

    @property
    def warnings(self) -> list[Diagnostic]:
        return [d for d in self.diagnostics if d.severity == "warning"]

    @property
    def error(self) -> Diagnostic:
        """The only error."""
        assert len(self.errors) == 1, f"expected one error:\n{self}"
        return self.errors[0]

    def says(self, *parts: str) -> bool:
        """Whether each part occurs in what was printed, however lines were wrapped."""
        printed = " ".join(d.text for d in self.diagnostics)
        text = squeezed(f"{printed} {self.stdout} {self.stderr}")
        return all(squeezed(part) in text for part in parts)

    def __repr__(self) -> str:
        return f"<{self}>"  # what pytest shows of a failed assertion

    def __str__(self) -> str:
        shown = "\n".join(f"  {d}" for d in self.diagnostics)
        if not shown:
            shown = f"{self.stdout[-4000:]}\n{self.stderr[-4000:]}".strip()
        return f"{' '.join(self.arguments)} ended with {self.code}:\n{shown}\n  trace: {self.trace}"


class Plan(Result):
    """What `plan` printed. The saved plan is at `file`."""

    file: pathlib.Path

    @functools.cached_property
    def changes(self) -> dict[str, dict[str, Any]]:
        """By address: {action, reason, importing, ...} as Terraform's -json output has them."""
        return {
            m["change"]["resource"]["addr"]: m["change"]
            for m in self.messages if m["type"] == "planned_change"
        }

    @property
    def actions(self) -> dict[str, str]:
        """By address: create, update, replace, delete, read, move, remove. What stays is left out, and what is
        only imported: `importing` has that."""
        stays = ("noop", "no-op", "import")
        return {a: c["action"] for a, c in self.changes.items() if c["action"] not in stays}

    @property
    def importing(self) -> set[str]:
        """Addresses of what is imported, whatever else happens to it."""
        return {a for a, c in self.changes.items() if "importing" in c}

    @property
    def drift(self) -> dict[str, str]:
        """What was changed outside, by address."""
        return {
            m["change"]["resource"]["addr"]: m["change"]["action"]
            for m in self.messages if m["type"] == "resource_drift"
        }

    @property
    def outputs(self) -> dict[str, str]:
        """Planned actions of outputs, those that stay left out."""
        found = {}
        for message in self.messages:
            if message["type"] == "outputs":
                found |= {k: v.get("action", "") for k, v in message["outputs"].items()}
        return {k: v for k, v in found.items() if v not in ("noop", "")}

    @property
    def summary(self) -> dict[str, int]:
        """How many are to add, change, import, remove."""
        for message in self.messages:
            if message["type"] == "change_summary":
                return {k: v for k, v in message["changes"].items() if isinstance(v, int)}
        return {}

    @property
    def is_empty(self) -> bool:
        """Nothing to do at all: -detailed-exitcode counts outputs and moves too."""
        return self.code == 0 and not self.actions and not any(self.summary.values())
