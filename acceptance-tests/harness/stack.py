"""A folder with a configuration, and the commands that a user would type in it."""

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from harness import cli as cli_module
from harness import processes
from harness.cli import FORBIDDEN, Cli, Plan, Result, squeezed
from harness.errors import CommandFailed

BOUND = 180  # seconds that any command may take
PROVIDER = "terraform-provider-charon"
REQUIRED = """\
terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}
"""


class State:
    """The state file, without asking the program for it."""

    def __init__(self, document: dict[str, Any]):
        self.document = document
        self.instances: dict[str, dict[str, Any]] = {}
        for resource in document.get("resources", ()):
            mode = "data." if resource["mode"] == "data" else ""
            module = f"{resource['module']}." if resource.get("module") else ""
            for instance in resource["instances"]:
                key = instance.get("index_key")
                index = "" if key is None else f"[{json.dumps(key)}]"
                if "deposed" in instance:
                    index += f"(deposed {instance['deposed']})"
                self.instances[f"{module}{mode}{resource['type']}.{resource['name']}{index}"] = instance

    def __getitem__(self, address: str) -> dict[str, Any]:
        """The attributes of a resource instance."""
        if address not in self.instances:
            raise KeyError(f"{address} is not in state; there are: {', '.join(self.instances) or 'none'}")
        return self.instances[address]["attributes"]

    def __contains__(self, address: str) -> bool:
        return address in self.instances

    @property
    def resources(self) -> dict[str, dict[str, Any]]:
        """Attributes by address, data sources left out."""
        return {
            address: instance["attributes"]
            for address, instance in self.instances.items() if not address.startswith("data.")
        }

    @property
    def outputs(self) -> dict[str, Any]:
        return {name: o["value"] for name, o in self.document.get("outputs", {}).items()}

    def is_tainted(self, address: str) -> bool:
        return self.instances[address].get("status") == "tainted"

    def identity(self, address: str) -> dict[str, Any] | None:
        return self.instances[address].get("identity")


class Running:
    """A command under way."""

    def __init__(self, stack: "Stack", process: subprocess.Popen, arguments: list[str], number: str,
                 trace: pathlib.Path | None):
        self._stack = stack
        self._process = process
        self._arguments = arguments
        self._number = number
        self._trace = trace
        self._began = time.monotonic()

    @property
    def pid(self) -> int:
        return self._process.pid

    def providers(self) -> list[int]:
        """Process ids of the provider processes that this command has started."""
        return [p for p in processes.descendants(self.pid) if processes.name(p) == PROVIDER[:15]]

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def hold(self) -> None:
        """Stops terraform until `go_on`; its provider goes on and finds that nobody listens."""
        self._process.send_signal(signal.SIGSTOP)
        while not processes.is_stopped(self.pid):
            time.sleep(0.001)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill_terraform(self) -> None:
        """kill -9: nothing is written any more, and nobody tells the provider to end.

        Not while it writes the state: programs empty the file before they put the next state together
        (statemgr.Filesystem.writeState), and a kill in between loses all of it, whatever a provider does.
        """
        while not self.has_ended():
            self.hold()
            if self._stack.state_is_whole():
                break
            self.go_on()
            time.sleep(0.01)
        self._process.kill()

    def kill_provider(self) -> None:
        """kill -9 of all provider processes of this command."""
        for pid in self.providers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def interrupt(self) -> None:
        """Ctrl-C: the terminal sends it to the whole process group."""
        os.killpg(self.pid, signal.SIGINT)

    def wait(self, seconds: float = BOUND) -> Result:
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._stack.end_processes()
            raise CommandFailed(
                f"{' '.join(self._arguments)} did not end within {seconds:.0f} s; trace: {self._trace}"
            ) from None
        base = self._stack.logs / self._number
        kind = Plan if self._arguments[1] == "plan" else Result
        return kind(
            self._arguments, self._process.returncode,
            base.with_suffix(".out").read_text(errors="replace"),
            base.with_suffix(".err").read_text(errors="replace"),
            time.monotonic() - self._began, self._trace,
        )


class Stack:
    """One configuration in a folder of its own, run by one program.

    Everything that comes out of it is below `folder`: `config/` (configuration and state), `logs/`
    (output and trace of each command), `plans/`. Commands get none of the test's environment but PATH.
    """

    def __init__(self, folder: pathlib.Path, cli: Cli, *, kubeconfig: pathlib.Path | None = None,
                 trace: bool = True, provider: pathlib.Path | None = None,
                 others: dict[str, pathlib.Path] | None = None):
        """`others`: programs of further providers by their source, such as hashicorp/kubernetes."""
        self.folder = folder
        self.cli = cli
        self.config = folder / "config"
        self.logs = folder / "logs"
        self.plans = folder / "plans"
        self.home = folder / "home"
        for one in (self.config, self.logs, self.plans, self.home):
            one.mkdir(parents=True, exist_ok=True)
        # Sockets are made here, and their paths may have 107 bytes only. It goes at the latest with the process.
        self._temporary = tempfile.TemporaryDirectory(prefix="charon-", ignore_cleanup_errors=True)
        self.temporary = pathlib.Path(self._temporary.name)
        self.provider = provider or cli_module.provider_binary()
        self.others = others or {}
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "TF_CLI_CONFIG_FILE": str(self._write_cli_config()),
            "TF_DATA_DIR": str(folder / "data"),
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "CHECKPOINT_DISABLE": "1",
            # Go collects garbage from 4 MB on; hundreds of short commands take a sixth less without.
            "GOGC": "off",
            "GOMEMLIMIT": "400MiB",
        }
        if kubeconfig is not None:
            self.environment["KUBE_CONFIG_PATH"] = str(kubeconfig)
        self.trace = trace
        self.allowed: set[str] = set()  # of FORBIDDEN: what this test provokes by intention
        self._count = 0
        self._planned_unread = False  # what an apply returned, before any read
        self._running: list[Running] = []
        self.write_file("required.tf", REQUIRED)

    def _write_cli_config(self) -> pathlib.Path:
        # A folder of its own: dev_overrides takes the first file with a fitting name.
        folder = self.folder / "provider"
        folder.mkdir(exist_ok=True)
        link = folder / PROVIDER
        if not link.exists():
            link.symlink_to(self.provider)
        overrides = "".join(
            f'    "{host}/charon/charon" = "{folder}"\n' for host in cli_module.REGISTRY.values()
        )
        # `moved` from another provider's type: core wants that provider to be there, but asks it nothing, so that ours can stand for it.
        others = self.folder / "others"
        for source in ("hashicorp/kubernetes", "alekc/kubectl", "hashicorp/aws", "cloudflare/cloudflare", "pan-net/powerdns"):
            place = others / source
            place.mkdir(parents=True, exist_ok=True)
            other = place / f"terraform-provider-{source.split('/')[1]}"
            if not other.exists():
                other.symlink_to(self.others.get(source, self.provider))
            overrides += "".join(f'    "{host}/{source}" = "{place}"\n' for host in cli_module.REGISTRY.values())
        path = self.folder / "cli.tfrc"
        path.write_text(
            "disable_checkpoint = true\n"
            f"provider_installation {{\n  dev_overrides {{\n{overrides}  }}\n  direct {{}}\n}}\n"
        )
        return path

    # --- Files --------------------------------------------------------------------------------

    def write_file(self, name: str, text: str) -> pathlib.Path:
        path = self.config / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def write(self, main: str, **more: str) -> None:
        """main.tf, and NAME.tf for each further argument. Former ones of other names stay."""
        for name, text in {"main": main, **more}.items():
            self.write_file(f"{name}.tf", text)

    def copy(self, folder: pathlib.Path) -> None:
        """The files of an example, which brings its own required_providers."""
        (self.config / "required.tf").unlink(missing_ok=True)
        shutil.copytree(folder, self.config, dirs_exist_ok=True)

    # --- Commands -----------------------------------------------------------------------------

    def start(self, *arguments: str, environment: dict[str, str] | None = None) -> Running:
        """Starts a command and returns at once."""
        self._count += 1
        number = f"{self._count:02}-{arguments[0]}"
        trace = self.logs / f"{number}.trace" if self.trace else None
        variables = self.environment | (environment or {})
        if trace:
            variables |= {"TF_LOG": "TRACE", "TF_LOG_PATH": str(trace)}
        command = [self.cli.path, *arguments]
        with (
            open(self.logs / f"{number}.out", "wb") as out,
            open(self.logs / f"{number}.err", "wb") as err,
        ):
            process = subprocess.Popen(
                command, cwd=self.config, env=variables, stdin=subprocess.DEVNULL, stdout=out,
                stderr=err, start_new_session=True,
            )
        running = Running(self, process, command, number, trace)
        self._running.append(running)
        return running

    def run(self, *arguments: str, codes: tuple[int, ...] = (0,), **options) -> Result:
        """Runs a command to its end. CommandFailed if it ends with another code than these."""
        result = self.finish(self.start(*arguments, **options))
        if codes and result.code not in codes:
            raise CommandFailed(str(result))
        return result

    def finish(self, running: Running) -> Result:
        result = running.wait()
        self._running.remove(running)
        self.check(result)
        return result

    def check(self, result: Result) -> None:
        """Core found nothing to complain about: no broken rule, no crash, no tolerated slip."""
        texts = {"output": squeezed(result.stdout + result.stderr)}
        if result.trace and result.trace.exists():
            # OpenTofu notes drift, and what an import finds, in the words of a broken rule.
            trace = result.trace.read_text(errors="replace")
            texts["trace"] = re.sub(r"produced an unexpected new value for \S+ during refresh\.(\n +- .*)*", "found drift", trace)
        for where, text in texts.items():
            for forbidden in FORBIDDEN:
                if forbidden in text and forbidden not in self.allowed:
                    start = text.index(forbidden)
                    raise CommandFailed(
                        f"{where} of {' '.join(result.arguments)} says \"{forbidden}\":\n"
                        f"...{text[max(0, start - 500):start + 1500]}...\n{result}"
                    )

    def plan(self, *options: str, fails: bool = False, **how) -> Plan:
        """A saved plan. With `fails`, one that has to fail."""
        file = self.plans / f"{self._count + 1:02}.tfplan"
        arguments = ["plan", "-json", "-input=false", "-detailed-exitcode", f"-out={file}", *options]
        plan = self.run(*arguments, codes=(1,) if fails else (0, 2), **how)
        plan.file = file
        return plan

    def apply(self, *options: str, checked: bool = True, fails: bool = False, **how) -> Plan:
        """Plans, applies that plan and returns it. A plan has to be empty then, after the stack's first
        apply also one without refresh; with checked=False they are not made. With `fails`, the apply
        has to fail: returns its Result."""
        plan = self.plan(*options, **how)
        result = self.run(
            "apply", "-json", "-input=false", str(plan.file), codes=(1,) if fails else (0,), **how
        )
        if fails:
            return result
        plan.applied = result
        if checked:
            self.expect_empty(**how)
            if not self._planned_unread:
                self.expect_empty("-refresh=false", **how)
                self._planned_unread = True
        return plan

    def expect_empty(self, *options: str, **how) -> Plan:
        """A plan with nothing to do: nothing to add, change or destroy, and no output changes."""
        plan = self.plan(*options, **how)
        if not plan.is_empty:
            raise CommandFailed(
                f"the plan ({' '.join(options) or 'with refresh'}) should be empty, but has"
                f" {plan.actions} {plan.outputs or ''}:\n{self.show(plan)}"
            )
        return plan

    def destroy(self, *options: str, fails: bool = False, **how) -> Result:
        return self.run(
            "destroy", "-json", "-input=false", "-auto-approve", *options,
            codes=(1,) if fails else (0,), **how,
        )

    def import_(self, address: str, id_: str, fails: bool = False) -> Result:
        return self.run(
            "import", "-input=false", "-no-color", address, id_, codes=(1,) if fails else (0,)
        )

    def validate(self, fails: bool | None = False) -> list[cli_module.Diagnostic]:
        """What it finds wrong. With `fails`, something has to be; with None, it may."""
        result = self.run("validate", "-json", codes=(0, 1) if fails is None else (1,) if fails else (0,))
        found = [cli_module.Diagnostic.of(d) for d in json.loads(result.stdout)["diagnostics"]]
        return [d for d in found if d.summary != "Provider development overrides are in effect"]

    def refresh(self) -> Result:
        """Takes what changed outside into state, and changes nothing else."""
        return self.run("apply", "-json", "-input=false", "-refresh-only", "-auto-approve")

    # --- What came out ------------------------------------------------------------------------

    def state(self) -> State:
        try:
            return State(json.loads((self.config / "terraform.tfstate").read_text()))
        except FileNotFoundError:
            return State({})

    def state_is_whole(self) -> bool:
        """False while the file is being written. It is empty as well from the lock on until there is a first state."""
        file = self.config / "terraform.tfstate"
        try:
            json.loads(file.read_text())
        except FileNotFoundError:
            return True
        except ValueError:
            about = file.stat()
            return about.st_size == 0 and time.time() - about.st_mtime > 1
        return True

    def show(self, plan: Plan) -> str:
        """A saved plan as a user sees it."""
        result = self.run("show", "-no-color", str(plan.file))
        return result.stdout[-6000:]

    def show_plan_json(self, plan: Plan) -> dict[str, Any]:
        return json.loads(self.run("show", "-json", str(plan.file)).stdout)

    def planned(self, plan: Plan, address: str) -> dict[str, Any]:
        """{before, after, after_unknown, replace_paths, ...} of one resource in a saved plan."""
        for change in self.show_plan_json(plan)["resource_changes"]:
            if change["address"] == address:
                return change["change"]
        raise KeyError(f"{address} is not in the plan")

    def schema(self) -> dict[str, Any]:
        """What `providers schema -json` says about our provider."""
        document = json.loads(self.run("providers", "schema", "-json").stdout)
        return document["provider_schemas"][self.cli.provider_address]

    def process_arguments(self) -> pathlib.Path:
        return self.logs / "arguments"

    @contextlib.contextmanager
    def watching_arguments(self) -> Iterator[None]:
        """Records the command lines of all processes that come up meanwhile below our commands."""
        with processes.recorded_arguments(self.process_arguments()):
            yield

    # --- The end ------------------------------------------------------------------------------

    def provider_processes(self) -> list[int]:
        """All provider processes of this stack, also those whose terraform is gone."""
        marker = f"TF_DATA_DIR={self.environment['TF_DATA_DIR']}"
        return [p for p in processes.all_with_environment(marker) if processes.name(p) == PROVIDER[:15]]

    def end_processes(self) -> None:
        """Ends what is left of this stack's commands; for the end of a test."""
        for pid in processes.all_with_environment(f"TF_DATA_DIR={self.environment['TF_DATA_DIR']}"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for running in self._running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                running._process.wait(5)
        self._running.clear()

    def close(self) -> None:
        self.end_processes()
        self._temporary.cleanup()
