"""Builds the Go programs once and keeps them outside of the source tree, and so the CRDs of operators.

A program's place in the cache carries its version and a hash of everything that decides what is
built (module files, sources, flags), so that a change builds anew, an old checkout still finds its
own build, and nothing is ever overwritten.
"""

import collections
import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence

from charon_servers.errors import SKIPPED, Failure

HERE = pathlib.Path(__file__).resolve().parent.parent
SHOW_PROGRESS_EVERY = 10.0  # seconds
KEPT_LINES = 40  # of the compiler's output, to show when it fails


@dataclasses.dataclass(frozen=True)
class Program:
    """One module in a folder beside this package, and how it is built.

    `version_of` is the required module whose version is the program's. In `link_flags`,
    `{path/of/module}` stands for the version that go.mod requires, without its v.
    """

    folder: str
    package: str
    file: str
    version_of: str
    link_flags: str = ""
    links: tuple[str, ...] = ()
    others: tuple[tuple[str, str], ...] = ()  # Further packages of the module and the files they become.
    extra: bool = False  # Only built when named or with everything: the scenarios that need it are skipped without.

    @property
    def module(self) -> pathlib.Path:
        return HERE / self.folder

    def required(self, module: str) -> str:
        """The version of `module` in go.mod, without its v."""
        text = (self.module / "go.mod").read_text()
        found = re.search(rf"^\s*(?:require )?{re.escape(module)} v(\S+)", text, re.MULTILINE)
        if not found:
            raise Failure(f"{self.module}/go.mod does not require {module}")
        return found[1]

    @property
    def version(self) -> str:
        return self.required(self.version_of)

    def command(self, go: str) -> list[str]:
        flags = re.sub(r"{([^}]+)}", lambda m: self.required(m[1]), self.link_flags)
        # No debug information: the linker would drop it, and writing it is a seventh of the compiler's time (Go 1.26).
        return [
            go, "build", "-mod=readonly", "-trimpath", "-v",
            "-gcflags=all=-dwarf=false", "-ldflags", f"-s -w {flags}".strip(),
        ]

    @property
    def place(self) -> pathlib.Path:
        digest = hashlib.sha256()
        for path in sorted(p for p in self.module.rglob("*") if p.suffix in (".go", ".mod", ".sum")):
            digest.update(f"{path.relative_to(self.module)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        digest.update("\0".join(self.recipe()).encode())
        return cache() / f"{self.folder}-{self.version}-{digest.hexdigest()[:12]}"

    def recipe(self) -> list[str]:
        others = [part for other in self.others for part in other]
        return [*self.command("go"), self.package, self.file, *self.links, *others, platform.machine()]

    def make(self, title: str, go: str, folder: pathlib.Path, jobs: int | None) -> None:
        for package, file in ((self.package, self.file), *self.others):
            compile_program(title, self, go, package, folder / file, jobs)
        for link in self.links:
            (folder / link).symlink_to(self.file)


@dataclasses.dataclass(frozen=True)
class Manifests(Program):
    """Files of the modules that a go.mod requires, copied as they are: CRDs, one a file, named GROUP_PLURAL.yaml.

    `files` has patterns by module, below the module's folder.
    """

    files: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def recipe(self) -> list[str]:
        return [repr(self.files)]

    def make(self, title: str, go: str, folder: pathlib.Path, jobs: int | None) -> None:
        for module, patterns in self.files:
            source = self.download(title, go, module)
            for pattern in patterns:
                found = sorted(source.glob(pattern))
                if not found:
                    raise Failure(f"{title}: {module} v{self.required(module)} has no {pattern}")
                for path in found:
                    shutil.copyfile(path, folder / path.name)

    def download(self, title: str, go: str, module: str) -> pathlib.Path:
        """The folder of a module, checked against go.sum. Nothing is compiled, so nothing else is fetched."""
        version = f"{module}@v{self.required(module)}"
        say(f"{title}: {version}")
        run = subprocess.run(
            [go, "mod", "download", "-json", version], cwd=self.module, env=go_environment(),
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
        )
        if run.returncode:
            raise Failure(
                f"{title}: fetching {version} failed:\n{run.stdout}{run.stderr}\nCheck that the module proxy"
                f" is reachable (go env GOPROXY); then run again: servers build {self.folder}"
            )
        return pathlib.Path(json.loads(run.stdout)["Dir"])


HEADSCALE = "github.com/juanfont/headscale"
# Where the version is kept; from 0.27 on it is read from the build itself.
HEADSCALE_VERSION = {"0.23": f"{HEADSCALE}/cmd/headscale/cli.Version", "0.26": f"{HEADSCALE}/hscontrol/types.Version"}


def headscale(series: str) -> Program:
    variable = HEADSCALE_VERSION.get(series)
    return Program(
        folder=f"headscale-{series}",
        package=f"{HEADSCALE}/cmd/headscale",
        file="headscale",
        version_of=HEADSCALE,
        link_flags=f"-X {variable}=v{{{HEADSCALE}}}" if variable else "",
    )


K8S = "k8s.io/component-base/version"

PROGRAMS = {
    "kubernetes": Program(
        folder="kubernetes",
        package=".",
        file="charon-kubernetes",
        version_of="k8s.io/kubernetes",
        # Without a version, the API server serves no API at all: it compares each API's age with it.
        link_flags=f"-X {K8S}.gitVersion=v{{k8s.io/kubernetes}} -X {K8S}.gitMajor=1"
        f" -X {K8S}.gitMinor=36 -X {K8S}.gitTreeState=clean"
        " -X sigs.k8s.io/kwok/pkg/consts.Version={sigs.k8s.io/kwok}",
        links=("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "kwok"),
    ),
    "opentofu": Program(
        folder="opentofu",
        package="github.com/opentofu/opentofu/cmd/tofu",
        file="tofu",
        version_of="github.com/opentofu/opentofu",
        link_flags="-X github.com/opentofu/opentofu/version.dev=no",
    ),
    "tfplugindocs": Program(
        folder="tfplugindocs",
        package="github.com/hashicorp/terraform-plugin-docs/cmd/tfplugindocs",
        file="tfplugindocs",
        version_of="github.com/hashicorp/terraform-plugin-docs",
    ),
    "headscale-0.23": headscale("0.23"),
    "headscale-0.26": headscale("0.26"),
    "headscale-0.29": headscale("0.29"),
    "tailscale": Program(
        folder="tailscale",
        package="tailscale.com/cmd/tailscaled",
        file="tailscaled",
        version_of="tailscale.com",
        link_flags="-X tailscale.com/version.longStamp={tailscale.com} -X tailscale.com/version.shortStamp={tailscale.com}",
        others=(("tailscale.com/cmd/tailscale", "tailscale"),),
    ),
    "external-dns": Program(
        folder="external-dns",
        package=".",
        file="external-dns",
        version_of="sigs.k8s.io/external-dns",
    ),
    "helm": Program(
        folder="helm",
        package="helm.sh/helm/v3/cmd/helm",
        file="helm",
        version_of="helm.sh/helm/v3",
        extra=True,
    ),
    "hashicorp-kubernetes": Program(
        folder="hashicorp-kubernetes",
        package="github.com/hashicorp/terraform-provider-kubernetes",
        file="terraform-provider-kubernetes",
        version_of="github.com/hashicorp/terraform-provider-kubernetes",
        extra=True,
    ),
    "crds": Manifests(
        folder="crds",
        package="",
        file="",
        version_of="github.com/external-secrets/external-secrets",
        files=(
            ("github.com/external-secrets/external-secrets", (
                "config/crds/bases/external-secrets.io_externalsecrets.yaml",
                "config/crds/bases/external-secrets.io_*secretstores.yaml",
            )),
            ("github.com/cert-manager/cert-manager", ("deploy/crds/cert-manager.io_*.yaml",)),
            ("github.com/traefik/traefik/v3", ("docs/content/reference/dynamic-configuration/traefik.io_*.yaml",)),
            ("github.com/prometheus-operator/prometheus-operator", (
                "example/prometheus-operator-crd/monitoring.coreos.com_*monitors.yaml",
            )),
        ),
    ),
}


def cache() -> pathlib.Path:
    """The folder of all built programs, which may not exist yet."""
    own = os.environ.get("CHARON_CACHE")
    general = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return (pathlib.Path(own) if own else pathlib.Path(general) / "charon").absolute() / "servers"


def built(name: str) -> pathlib.Path:
    """The folder of a built program. Fails, with exit code 77 where it cannot be built either."""
    program = PROGRAMS[name]
    if not program.place.is_dir():
        find_go()
        raise Failure(f"{name} {program.version} is not built; run: servers build {name}")
    return program.place


def build(names: Sequence[str], jobs: int | None = None, everything: bool = False) -> None:
    """Builds those of the named programs that the cache does not have. Default: all but the extra ones, or everything."""
    for name in names:
        if name not in PROGRAMS:
            raise Failure(f"no program is called {name!r}; known: {', '.join(PROGRAMS)}", 2)
    for name in names or [name for name, program in PROGRAMS.items() if everything or not program.extra]:
        build_one(name, PROGRAMS[name], jobs)


def build_one(name: str, program: Program, jobs: int | None) -> None:
    title = f"{name} {program.version}"
    place = program.place
    if place.is_dir():
        say(f"{title}: already built in {place}")
        return
    go = find_go()
    place.parent.mkdir(parents=True, exist_ok=True)
    with locked(place.parent / f"{name}.lock", f"{title}: another build is under way, waiting for it"):
        if place.is_dir():
            say(f"{title}: built meanwhile in {place}")
            return
        began = time.monotonic()
        unfinished = pathlib.Path(tempfile.mkdtemp(prefix=f".{name}-", dir=place.parent))
        try:
            program.make(title, go, unfinished, jobs)
            unfinished.chmod(0o755)
            unfinished.rename(place)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
        size = sum(path.stat().st_size for path in place.iterdir() if not path.is_symlink()) / 1e6
        say(f"{title}: built {size:.0f} MB in {time.monotonic() - began:.0f} s: {place}")


def compile_program(
    title: str, program: Program, go: str, package: str, target: pathlib.Path, jobs: int | None
) -> None:
    """Runs the compiler at low priority, showing how far it is."""
    command = program.command(go) + (["-p", str(jobs)] if jobs else [])
    say(f"{title}: building; the first time takes minutes and needs the Go module proxy")
    began = shown = time.monotonic()
    downloaded = compiled = 0
    last = collections.deque(maxlen=KEPT_LINES)
    with subprocess.Popen(
        [*command, "-o", str(target), package],
        cwd=program.module,
        env=go_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        preexec_fn=lambda: os.nice(10),
    ) as compiler:
        try:
            for line in compiler.stdout:
                if line.startswith("go: downloading "):
                    downloaded += 1
                elif re.fullmatch(r"[\w./~-]+\n", line):
                    compiled += 1
                else:
                    last.append(line)
                if time.monotonic() - shown > SHOW_PROGRESS_EVERY:
                    shown = time.monotonic()
                    say(
                        f"{title}: {shown - began:.0f} s, {downloaded} modules downloaded,"
                        f" {compiled} packages compiled"
                    )
        except BaseException:
            os.killpg(compiler.pid, signal.SIGTERM)  # The go command and its compilers.
            raise
    if compiler.returncode:
        raise Failure(
            f"{title}: building failed:\n{''.join(last)}"
            f"Check that the module proxy is reachable (go env GOPROXY) and that the Go version"
            f" suits {program.module}/go.mod; then run again: servers build {program.folder}"
        )


def go_environment() -> dict[str, str]:
    """A workspace or flags of the user's are not part of the recipe."""
    return os.environ | {
        "CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": "-buildvcs=false",
        # A compiler ends with its package: without collecting garbage it needs an eighth less of the processor.
        "GOGC": "off", "GOMEMLIMIT": "1GiB",
    }


def find_go() -> str:
    """Go from PATH, or from where its own installer puts it."""
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if not go:
        raise Failure(
            "skipped: there is no Go on this machine to build the real servers with;"
            " install Go 1.26 or newer and put it on PATH",
            SKIPPED,
        )
    return go


@contextlib.contextmanager
def locked(path: pathlib.Path, waiting: str) -> Iterator[None]:
    """Holds an exclusive lock on a file; says `waiting` once if somebody else has it."""
    with open(path, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(waiting)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
