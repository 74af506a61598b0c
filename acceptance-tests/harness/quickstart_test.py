"""./quickstart, in a folder of the checkout's files: what it makes in it is the test's own."""

import json
import re
import subprocess
import time

import pytest

from harness import cli, processes
from harness.cli import ROOT


@pytest.fixture
def quickstart(tmp_path):
    if not (cli.find("terraform") or cli.find("tofu")):
        pytest.skip("no terraform or tofu here")
    for path in ROOT.iterdir():
        if path.name not in (".git", ".quickstart"):
            (tmp_path / path.name).symlink_to(path)

    def run(*arguments: str) -> str:
        ended = subprocess.run([tmp_path / "quickstart", *arguments], capture_output=True, text=True, timeout=300)
        assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr
        return ended.stdout

    run.folder = tmp_path / ".quickstart"
    yield run
    run("clean")


def servers(folder) -> dict[str, int]:
    """Process ids of the sandboxes that run, by stack."""
    records = {record.parts[-3]: json.loads(record.read_text()) for record in folder.glob("*/sandbox/sandbox.json")}
    return {stack: record["pid"] for stack, record in records.items() if processes.name(record["pid"]) == "charon-sandbox"}


def test_services(quickstart):
    said = quickstart("services")
    assert "Apply complete!" in said and "No changes." in said


def test_stacks_stand_side_by_side_and_go_together(quickstart):
    """Two of them make the same tiers, namespaces too: each has a server of its own."""
    assert "Apply complete!" in quickstart("tiers")
    first = servers(quickstart.folder)
    said = quickstart("platform")
    assert "Apply complete!" in said and "No changes." in said
    both = servers(quickstart.folder)
    assert set(both) == {"tiers", "platform"} and both["tiers"] == first["tiers"]
    # What it tells to use leads to the server of this stack.
    (kubeconfig,) = re.findall(r"KUBECONFIG=(\S+) kubectl", said)
    (requests,) = re.findall(r"what was asked: (\S+)\)", said)
    for path in (kubeconfig, requests):
        assert (quickstart.folder.parent / path).is_file() and path.startswith(".quickstart/platform/")

    began = time.monotonic()
    again = quickstart("tiers")
    assert "It runs since an earlier quickstart" in again and "Apply complete! Resources: 0 added, 0 changed, 0 destroyed." in again
    assert time.monotonic() - began < 20
    assert servers(quickstart.folder) == both

    quickstart("clean")
    assert [processes.name(pid) for pid in both.values()] == ["", ""] and not quickstart.folder.exists()
