"""The files in examples/, and what they would meet on a server that tests share."""

import contextlib
import functools
import pathlib
import re
import shutil

from entries import give_gpus
from harness.cli import ROOT

EXAMPLES = ROOT / "examples"
SERVICES = sorted(p for p in (EXAMPLES / "services").iterdir() if p.is_dir())


def name(folder: pathlib.Path) -> str:
    return str(folder.relative_to(EXAMPLES))


def text(folder: pathlib.Path) -> str:
    return "\n".join(path.read_text() for path in sorted(folder.glob("*.tf")))


def copy(stack, folder: pathlib.Path) -> None:
    """What a user copies; import.tf stands beside it."""
    (stack.config / "required.tf").unlink(missing_ok=True)
    for path in folder.glob("*.tf"):
        if path.name != "import.tf":
            shutil.copy(path, stack.config)


WITH_SERVICES = [folder for folder in sorted({path.parent for path in EXAMPLES.rglob("*.tf")})
                 if 'resource "charon_service"' in text(folder)]


@functools.cache
def _namespaces() -> frozenset[str]:
    """Of all examples: by name, or as the keys of a map of namespaces to tiers."""
    found = set()
    for path in EXAMPLES.rglob("*.tf"):
        content = path.read_text()
        found |= set(re.findall(r'\bnamespace\s*=\s*"([a-z0-9-]+)"', content))
        found |= set(re.findall(r"\bnamespace:\s*([a-z0-9-]+)", content))
        for block in re.findall(r'^resource "charon_tier_namespace".*?^}', content, re.MULTILINE | re.DOTALL):
            found |= set(re.findall(r'^\s*name\s*=\s*"([a-z0-9-]+)"', block, re.MULTILINE))
            found |= set(re.findall(r'([a-z0-9-]+)\s*=\s*"\d-[a-z]+"', block)) - {"tier"}
    return frozenset(found)


def places(folder: pathlib.Path) -> list[str]:
    """What an example has for itself while it runs: examples have real names, and the same ones occur in several."""
    content = text(folder)
    found = {f"namespace-{one}" for one in _namespaces() if re.search(rf"(?<![\w./-]){one}(?![\w.-])", content)}
    if 'resource "charon_tier" ' in content:
        found.add("built-in-tiers")
    return sorted(found)


def equip(cluster) -> None:
    """What examples with services expect of a cluster: GPUs, and a storage class, which stays for the next one."""
    give_gpus(cluster)
    standard = cluster.get("StorageClass", None, "standard")
    cluster.api.apply({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "proxmox-lvm-encrypted"},
        "provisioner": standard["provisioner"], "reclaimPolicy": "Delete", "volumeBindingMode": "Immediate",
    }, force=True)


@contextlib.contextmanager
def turns(exclusive, folder: pathlib.Path):
    """Held by one test at a time; in one order, so that no two wait for each other."""
    with contextlib.ExitStack() as held:
        for place in places(folder):
            held.enter_context(exclusive(place))
        yield
