"""What examples/services make on a server, as a file a reviewer reads: golden/v1/NAME.yaml.

The file has what our field managers own, read back from the server and projected on it; what is set at creation only
and left to others from then on (manager charon-initial) stands under `initial`. The bytes of a render version never change: a provider that renders
anything else for version 1 is a provider whose upgrade restarts pods. CHARON_REWRITE_GOLDEN=1 rewrites the files, and
the diff is the review (docs/design/decisions/0010-render-versions.md).
"""

import os
import pathlib
import re

import pytest

import examples
from examples import SERVICES, copy
from harness.kubernetes import Api
from harness.operators import ExternalSecrets
from harness.projection import documents, owned

pytestmark = pytest.mark.one_cli("about the provider and the server; where programs differ, lifecycle_test.py and examples_test.py meet it")

GOLDEN = pathlib.Path(__file__).parent / "golden/v1"
STORE = {
    "linkwarden": {"authentik_client_id": "linkwarden-client"},
    "static-creds/pg-linkwarden": {"password": "changes-every-week"},
}


@pytest.fixture
def taking_turns(exclusive, example):
    with examples.turns(exclusive, example):
        yield


@pytest.fixture
def platform(cluster, crds):
    """What examples/services name and a plain cluster has not."""
    crds("ExternalSecret", "Middleware", "ServiceMonitor")
    standard = cluster.get("StorageClass", None, "standard")
    cluster.api.apply({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "proxmox-lvm-encrypted"},
        "provisioner": standard["provisioner"], "reclaimPolicy": "Delete", "volumeBindingMode": "Immediate",
    }, force=True)


def made(api: Api, state) -> list[dict]:
    """The objects of all services of a state, by apiVersion, kind and name, as their managers own them."""
    found = []
    for address, attributes in sorted(state.resources.items()):
        if not address.startswith("charon_service."):
            continue
        objects = {key: api.get(*parts(key)) for key in attributes["objects"]}
        for key, object_ in sorted(objects.items(), key=lambda item: f"{(item[1] or {}).get('apiVersion')}/{item[0]}"):
            assert object_ is not None, f"{key} is in state and not on the server"
            document = {"apiVersion": object_["apiVersion"], "kind": object_["kind"]} | owned(
                object_, "charon", but_not="charon-initial")
            named = {k: object_["metadata"][k] for k in ("name", "namespace") if k in object_["metadata"]}
            document["metadata"] = named | document.get("metadata", {})
            if initial := owned(object_, "charon-initial"):
                document["initial"] = initial
            found.append(normalised(document))
    return found


def parts(key: str) -> tuple[str, str | None, str]:
    """Kind, namespace and name of "Deployment/ns/name", "PersistentVolume/name"."""
    match = re.fullmatch(r"(\w+)/(?:([^/]+)/)?([^/]+)", key)
    assert match, f"{key!r} names no object"
    return match[1], match[2], match[3]


def clear(stack, cluster) -> None:
    """Destroys a stack whose services keep their data, and the data."""
    services = [a for address, a in stack.state().resources.items() if address.startswith("charon_service.")]
    keys = {k for a in services for k in a["objects"]}
    stack.run("destroy", "-json", "-input=false", "-auto-approve", codes=(0, 1))
    for namespace in {a["namespace"] for a in services}:
        # Of the replicas of a StatefulSet.
        claims = cluster.api.list("PersistentVolumeClaim", namespace)
        keys |= {f"PersistentVolumeClaim/{namespace}/{c['metadata']['name']}" for c in claims}
    for key in keys:
        if cluster.has(*parts(key)):
            cluster.api.delete(*parts(key))
    stack.destroy()
    assert stack.state().resources == {}


def normalised(document: dict) -> dict:
    """Without what differs from cluster to cluster and from run to run."""
    if document["kind"] == "Secret":
        document["data"] = {name: "(generated)" for name in document.get("data", {})}
    return document


@pytest.mark.one_cli("the objects are the same")
@pytest.mark.parametrize("example", SERVICES, ids=lambda folder: folder.name)
def test_objects_of_an_example(stack, cluster, platform, example, taking_turns):
    copy(stack, example)
    with ExternalSecrets(cluster.api, STORE, example.name):
        stack.apply()
    text = documents(made(cluster.api, stack.state()))
    clear(stack, cluster)
    golden = GOLDEN / f"{example.name}.yaml"
    if os.environ.get("CHARON_REWRITE_GOLDEN"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text)
    assert text == golden.read_text(), f"{golden} is not what this provider makes; see the top of this file"


@pytest.mark.sandbox_only("asks no server")
@pytest.mark.one_cli("asks none")
def test_every_golden_file_has_its_example(cluster, cli):
    assert sorted(p.stem for p in GOLDEN.glob("*.yaml")) == [p.name for p in SERVICES]
