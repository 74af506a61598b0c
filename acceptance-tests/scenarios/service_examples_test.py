"""What examples/services make: applied, as in their golden files, ready, changed, destroyed.

Other examples with services are compared with golden files where they are applied: examples_test.py, platform_test.py.
A golden file, golden/v1/NAME.yaml, is for a reviewer to read. It has what our field managers own, read back from the server and
projected on it; what is set at creation only and left to others from then on (manager charon-initial) stands under `initial`. The bytes
of a render version never change: a provider that renders anything else for version 1 is a provider whose upgrade restarts pods.
golden/v2/NAME.yaml has what version 2 makes different, and no more: a merge patch (RFC 7396) for each object, by its key in `objects`.
CHARON_REWRITE_GOLDEN=1 rewrites the files, and the diff is the review (docs/design/decisions/0010-render-versions.md).
"""

import os
import pathlib
import re

import pytest
import yaml

import examples
from examples import SERVICES, copy, name
from harness.kubernetes import Api
from harness.operators import ExternalSecrets
from harness.projection import documents, owned

GOLDEN = pathlib.Path(__file__).parent / "golden"
VERSIONS = (1, 2)
STORE = {
    "ci/global": {"push_token": "push"},
    "hermes-agent": {"DISCORD_BOT_TOKEN": "bot"},
    "immich": {"db_password": "never-changes", "frame_api_key": "frames"},
    "linkwarden": {"authentik_client_id": "linkwarden-client", "authentik_client_secret": "linkwarden-secret"},
    "model-gateway": {"token": "model"},
    "static-creds/pg-linkwarden": {"password": "changes-every-week"},
    "vpn-portal": {"wg_peers": "key 10.9.0.2/32"},
}
# Example -> the change of one attribute, as text of its configuration.
CHANGES = {
    "echo": ('memory = "128Mi"', 'memory = "192Mi"'),
    "excalidraw": ('PORT = "8080"', 'PORT = "8081"'),
    "frigate": ("failure_threshold = 30", "failure_threshold = 40"),
    "headscale": ('memory = "256Mi"', 'memory = "300Mi"'),
    "hermes-agent": ("Be kind.", "Be kind, and brief."),
    "immich": ('default = "v2.1.0"', 'default = "v2.2.0"'),
    "linkwarden": ('"1280Mi"', '"1500Mi"'),
    "mysql": ("max_connections = 500", "max_connections = 600"),
    "wireguard": ('cpu = "20m"', 'cpu = "30m"'),
}
# Whose change is only for the next creation: the image belongs to an updater.
OTHERS_BUSINESS = {"immich"}
# Example -> namespace and what stays there when it is destroyed, since it holds data.
KEPT = {
    "frigate": ("frigate", ["PersistentVolumeClaim/frigate-config"]),
    "headscale": ("vpn", ["PersistentVolumeClaim/headscale-data"]),
    "hermes-agent": ("hermes-agent", ["PersistentVolumeClaim/hermes-agent-sessions"]),
    "immich": ("immich", ["PersistentVolumeClaim/immich-postgresql-data"]),
    "linkwarden": ("linkwarden", ["PersistentVolumeClaim/linkwarden-archives", "Secret/linkwarden-generated"]),
    "mysql": ("dbaas", ["PersistentVolumeClaim/data-mysql-standalone-0", "Secret/mysql-standalone-generated"]),
}


@pytest.fixture
def taking_turns(exclusive, example):
    with examples.turns(exclusive, example):
        yield


@pytest.fixture
def platform(cluster, crds, example):
    crds("ExternalSecret", "Middleware", "ServiceMonitor")
    examples.equip(cluster)
    with ExternalSecrets(cluster.api, STORE, example.name):
        yield


@pytest.fixture
def dns_service(example, request):
    """The environment of examples about DNS, which have records in one zone."""
    if '"charon_dns_' not in examples.text(example):
        return {}
    service = request.getfixturevalue("cloudflare")
    service.new_zone("example.org")
    return service.environment


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


def normalised(document: dict) -> dict:
    """Without what differs from cluster to cluster and from run to run."""
    if document["kind"] == "Secret":
        document["data"] = {name: "(generated)" for name in document.get("data", {})}
    return document


def expect_golden(api: Api, state, example: pathlib.Path, version: int = 1) -> None:
    expect_rendering(made(api, state), example.name, version)


def expect_rendering(found: list[dict], example: str, version: int = 1) -> None:
    golden = GOLDEN / f"v{version}/{example}.yaml"
    if version > 1:
        former, now = rendering(example, version - 1), by_key(found)
        found = [difference(former, now)]
        assert merged(former, found[0]) == now, "no merge patch says the difference"
    text = documents(found)
    if os.environ.get("CHARON_REWRITE_GOLDEN"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text)
    assert text == golden.read_text(), f"{golden} is not what this provider makes; see the top of this file"


def by_key(found: list[dict]) -> dict[str, dict]:
    return {"/".join(filter(None, (o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]))): o for o in found}


def rendering(example: str, version: int) -> dict[str, dict]:
    """The objects that the golden files say for a version, by key."""
    found = by_key(list(yaml.safe_load_all((GOLDEN / f"v1/{example}.yaml").read_text())))
    for later in range(2, version + 1):
        found = merged(found, rendering_changes(example, later))
    return found


def rendering_changes(example: str, version: int) -> dict[str, dict]:
    return yaml.safe_load((GOLDEN / f"v{version}/{example}.yaml").read_text())


def merged(value, patch):
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    value = dict(value) if isinstance(value, dict) else {}
    for name, of in patch.items():
        if of is None:
            value.pop(name, None)
        else:
            value[name] = merged(value.get(name), of)
    return value


def difference(former, now):
    """The smallest patch that makes `now` of `former`."""
    if not isinstance(former, dict) or not isinstance(now, dict):
        return now
    return {name: difference(former.get(name), now.get(name)) for name in former | now if former.get(name) != now.get(name)}


def at_version(stack, version: int | None) -> None:
    """Says in the stack's provider block how services are rendered; None: leaves it out."""
    said = "" if version is None else f"\n    render_version = {version}\n"
    for path in stack.config.glob("*.tf"):
        text = re.sub(r"\n *render_version *= *\d+\n", "\n", path.read_text())
        if 'provider "charon" {' in text:
            assert text.count("\n  conventions = {") == 1, path
            path.write_text(text.replace("\n  conventions = {", "\n  conventions = {" + said, 1))
            return
    stack.write_file("version.tf", f'provider "charon" {{\n  conventions = {{{said}}}\n}}\n')


def objects(state) -> dict[str, str]:
    """What the `objects` of all services say."""
    return {key: hash_ for attributes in state.resources.values() for key, hash_ in (attributes.get("objects") or {}).items()}


def raise_version(stack, cluster, example: pathlib.Path) -> None:
    """From version 1 to the newest: each time, the plan names the objects that the golden file has, and no other."""
    if stack.cli.name != "terraform":
        return  # what is rendered does not depend on the program
    for version in VERSIONS[1:]:
        before = objects(stack.state())
        at_version(stack, version)
        plan = stack.apply(checked=False)
        assert {action for address, action in plan.actions.items() if not address.startswith("data.")} == {"update"}, plan.actions
        expect_golden(cluster.api, stack.state(), example, version)
        after = objects(stack.state())
        assert set(rendering_changes(example.name, version)) == {key for key in before | after if before.get(key) != after.get(key)}


def expect_pods_ready(cluster, stack):
    services = [a for a in stack.state().resources.values() if "objects" in a and "image" in a]
    assert services
    for service in services:
        selector = service["selector"] or {"app": service["name"]}
        labels = ",".join(f"{key}={value}" for key, value in selector.items())
        wanted = ["True"] * (service["replicas"] or 1)

        def ready() -> list[str]:
            pods = [p for p in cluster.api.list("Pod", service["namespace"], labels)
                    if "deletionTimestamp" not in p["metadata"]]
            return [c["status"] for p in pods for c in p["status"].get("conditions", ()) if c["type"] == "Ready"]

        if service["wait"] == "none":
            cluster.api.eventually(lambda: ready() == wanted, f"the pods of {service['name']} to be ready")
        assert ready() == wanted, service["name"]


@pytest.mark.parametrize("example", SERVICES, ids=name)
@pytest.mark.usefixtures("taking_turns")
def test_example_of_a_service(stack, cluster, platform, example, dns_service):
    copy(stack, example)
    stack.environment |= dns_service
    stack.apply()
    expect_golden(cluster.api, stack.state(), example)
    expect_pods_ready(cluster, stack)
    raise_version(stack, cluster, example)
    former, changed = CHANGES[example.name]
    main = (stack.config / "main.tf").read_text()
    assert main.count(former) == 1
    stack.write(main.replace(former, changed))
    before = stack.state().resources
    plan = stack.apply()
    assert set(plan.actions.values()) == {"update"} and plan.applied.warnings == []
    after = stack.state().resources
    same = all(before[address].get("objects") == after[address].get("objects") for address in after)
    assert same == (example.name in OTHERS_BUSINESS)
    expect_pods_ready(cluster, stack)

    if example.name not in KEPT:
        assert stack.destroy().warnings == []
        assert stack.state().resources == {}
        return
    # Data stays, and with it the namespace; both say so.
    namespace, kept = KEPT[example.name]
    result = stack.destroy(fails=True)
    told = [warning for warning in result.warnings if warning.summary == "Data was kept"]
    for one in kept:
        kind, _, object_name = one.partition("/")
        assert any(f"{kind}/{namespace}/{object_name}" in warning.text for warning in told), result
        assert one in result.error.text, result
        assert cluster.has(kind, namespace, object_name)
    assert {address.split(".")[0] for address in stack.state().resources} - {"charon_tier"} == {"charon_tier_namespace"}
    for one in kept:
        kind, _, object_name = one.partition("/")
        cluster.api.delete(kind, namespace, object_name)
    # What the operator made is its own; it goes with the source where an operator cleans up.
    for secret in cluster.api.list("Secret", namespace):
        cluster.api.delete("Secret", namespace, secret["metadata"]["name"])
    stack.destroy()
    assert stack.state().resources == {}


@pytest.mark.sandbox_only("asks no server")
@pytest.mark.one_cli("asks none")
def test_every_golden_file_has_its_example(cluster, cli):
    # rows, nginx and traefik: service_fields_test.py
    wanted = sorted(["nginx", "rows", "traefik", *(p.name for p in examples.WITH_SERVICES)])
    found = {folder.name: sorted(p.stem for p in folder.glob("*.yaml")) for folder in GOLDEN.iterdir()}
    assert found == {f"v{version}": wanted for version in VERSIONS}
