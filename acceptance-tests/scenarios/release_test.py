"""The executable that users get: what it needs, where it can be installed from, what its documentation says."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

from conftest import missing
from harness.cli import REGISTRY, ROOT, built, provider_binary
from harness.errors import HarnessError

pytestmark = pytest.mark.sandbox_only("about the executable")


@pytest.fixture(scope="module")
def binary():
    return provider_binary()


def is_static(binary: pathlib.Path) -> bool:
    headers = subprocess.run(["readelf", "-l", binary], capture_output=True, text=True, check=True).stdout
    return "INTERP" not in headers


@pytest.fixture
def static(binary):
    if not is_static(binary):
        missing(f"{binary} is not the static release build")


def test_needs_no_library(cluster, binary, static):
    dynamic = subprocess.run(["readelf", "-d", binary], capture_output=True, text=True, check=True).stdout
    assert "NEEDED" not in dynamic
    assert binary.stat().st_size < 25e6


def test_starts_in_an_empty_root(cluster, binary, static, folder):
    root = folder / "root"
    root.mkdir()
    shutil.copy(binary, root / "provider")
    command = ["unshare", "--user", "--map-root-user", "/usr/sbin/chroot", root, "/provider"]
    probe = subprocess.run([*command, "--version"], env={}, capture_output=True, text=True)
    if "unshare" in probe.stderr:
        missing(f"this machine allows no user namespaces: {probe.stderr}")
    assert probe.returncode == 0 and probe.stdout.strip(), probe.stderr
    by_hand = subprocess.run(command, env={}, capture_output=True, text=True)
    assert by_hand.returncode == 1 and "plugin" in by_hand.stderr.lower()


def test_started_by_hand_it_explains_itself(cluster, binary):
    run = subprocess.run([binary], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True)
    assert run.returncode == 1 and run.stdout == "" and "terraform" in run.stderr.lower()


def test_terraform_init_from_a_mirror(cluster, stack, binary, names):
    """As from the registry: installed, locked, and checked against the lock."""
    host = REGISTRY[stack.cli.name]
    version = "0.1.0"
    package = stack.folder / f"mirror/{host}/charon/charon/{version}/linux_{GO_ARCH}"
    package.mkdir(parents=True)
    shutil.copy(binary, package / f"terraform-provider-charon_v{version}")
    (stack.folder / "cli.tfrc").write_text(
        f'provider_installation {{\n  filesystem_mirror {{\n    path = "{stack.folder}/mirror"\n  }}\n}}\n'
    )
    stack.write(f'resource "charon_tier_namespace" "x" {{\n  name = "{names("n")}"\n}}\n')
    stack.run("init", "-input=false", "-no-color")
    assert "h1:" in (stack.config / ".terraform.lock.hcl").read_text()
    stack.apply()
    stack.run("init", "-input=false", "-no-color")
    stack.destroy()


GO_ARCH = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]


def test_reattach_mode(cluster, stack, binary, names):
    """-debug: the process is started first, under a debugger say, and terraform is told where it is."""
    process = subprocess.Popen(
        [binary, "-debug"], env={"PATH": os.environ["PATH"], "TMPDIR": str(stack.temporary), "KUBE_CONFIG_PATH": str(cluster.kubeconfig)},
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )
    try:
        for line in process.stdout:
            if "TF_REATTACH_PROVIDERS=" in line:
                break
        document = json.loads(line.partition("TF_REATTACH_PROVIDERS=")[2].strip().strip("'"))
        stack.environment["TF_REATTACH_PROVIDERS"] = json.dumps(document)
        stack.write(f'resource "charon_tier_namespace" "x" {{\n  name = "{names("n")}"\n}}\n')
        stack.apply()
        stack.destroy()
        assert process.poll() is None, "it lives on until it is told to end"
    finally:
        process.terminate()
        assert process.wait(10) == 0


@pytest.mark.one_cli("the schema is the same")
@pytest.mark.thorough("builds the registry's own checker, for which a machine without real servers may lack Go")
def test_the_registry_accepts_the_documentation(cluster, stack):
    if not (ROOT / "docs/index.md").exists():
        pytest.fail("docs/ is not generated")
    try:
        program = built("tfplugindocs") / "tfplugindocs"
    except HarnessError as error:
        missing(str(error))
    schema = {"format_version": "1.0", "provider_schemas": {"registry.terraform.io/hashicorp/charon": stack.schema()}}
    path = stack.folder / "schema.json"
    path.write_text(json.dumps(schema))
    run = subprocess.run(
        [program, "validate", "--providers-schema", path, "--provider-name", "charon",
         "--provider-dir", ROOT], capture_output=True, text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
