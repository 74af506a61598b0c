"""Each field of a pod: a line of the guide's table, an attribute, a golden rendering; what has no attribute, as kubectl patches it.
Of the other objects of a service: a line, and what it names.

The tables are those of docs/guides/services.md. rows/main.tf has a service for each of its groups, G0 to G16, and golden/*/rows.yaml
what that comes to (see service_examples_test.py).
"""

import json
import pathlib
import re
import subprocess

import pytest
import yaml

from entries import give_gpus, make_namespace
from examples import EXAMPLES, text
from harness import hcl, operators
from service_examples_test import GOLDEN, VERSIONS, expect_golden, expect_rendering, raise_version

pytestmark = pytest.mark.one_cli("about the provider and the server; where programs differ, lifecycle_test.py and examples_test.py meet it")

ROWS = pathlib.Path(__file__).parent / "rows"
RENDERED = pathlib.Path(__file__).parent / "rendered"
NAMESPACE = "every-row"
GROUPS = [f"G{number}" for number in range(17)]
# Types whose every field has a line, the section that has it, and what the line calls it a field of, if the type is not the section's own.
TYPES = {
    "apps.v1.DeploymentSpec": ("The workload", ""),
    "apps.v1.StatefulSetSpec": ("The workload", ""),
    "apps.v1.DaemonSetSpec": ("The workload", ""),
    "core.v1.PodSpec": ("The pod", ""),
    "core.v1.PodDNSConfig": ("The pod", ""),
    "core.v1.PodDNSConfigOption": ("The pod", "options"),
    "core.v1.HostAlias": ("The pod", "hostAliases"),
    "core.v1.LocalObjectReference": ("The pod", "imagePullSecrets"),
    "core.v1.Toleration": ("The pod", "tolerations"),
    "core.v1.Container": ("A container", ""),
    "core.v1.ContainerPort": ("A container", ""),
    "core.v1.EnvVar": ("A container", "env"),
    "core.v1.EnvVarSource": ("A container", ""),
    "core.v1.SecretKeySelector": ("A container", "secretKeyRef"),
    "core.v1.ObjectFieldSelector": ("A container", "fieldRef"),
    "core.v1.ResourceFieldSelector": ("A container", "resourceFieldRef"),
    "core.v1.EnvFromSource": ("A container", "envFrom"),
    "core.v1.ConfigMapEnvSource": ("A container", "configMapRef"),
    "core.v1.SecretEnvSource": ("A container", "secretRef"),
    "core.v1.ResourceRequirements": ("A container", "resources"),
    "core.v1.VolumeMount": ("A container", ""),
    "core.v1.Probe": ("A container", ""),
    "core.v1.Lifecycle": ("A container", "lifecycle"),
    "core.v1.LifecycleHandler": ("A container", ""),
    "core.v1.ExecAction": ("A container", "exec"),
    "core.v1.GRPCAction": ("A container", "grpc"),
    "core.v1.HTTPGetAction": ("A container", "httpGet"),
    "core.v1.HTTPHeader": ("A container", "httpHeaders"),
    "core.v1.SleepAction": ("A container", "sleep"),
    "core.v1.TCPSocketAction": ("A container", "tcpSocket"),
    "core.v1.PodSecurityContext": ("Security contexts", ""),
    "core.v1.SecurityContext": ("Security contexts", ""),
    "core.v1.Capabilities": ("Security contexts", "capabilities"),
    "core.v1.SeccompProfile": ("Security contexts", "seccompProfile"),
    "core.v1.Sysctl": ("Security contexts", "sysctls"),
    "core.v1.Volume": ("Volumes", ""),
    "core.v1.ConfigMapVolumeSource": ("Volumes", ""),
    "core.v1.EmptyDirVolumeSource": ("Volumes", ""),
    "core.v1.HostPathVolumeSource": ("Volumes", "hostPath"),
    "core.v1.KeyToPath": ("Volumes", "items"),
    "core.v1.NFSVolumeSource": ("Volumes", "nfs"),
    "core.v1.PersistentVolumeClaimVolumeSource": ("Volumes", "persistentVolumeClaim"),
    "core.v1.SecretVolumeSource": ("Volumes", ""),
}
# Where the attribute of a list, a map or an object says these as well.
WITHIN = {
    "core.v1.PodDNSConfig": {"options"},
    "core.v1.PodDNSConfigOption": {"name", "value"},
    "core.v1.HostAlias": {"ip", "hostnames"},
    "core.v1.LocalObjectReference": {"name"},
    "core.v1.Toleration": {"key", "operator", "value", "effect"},
    "core.v1.ContainerPort": {"name", "containerPort", "protocol"},
    "core.v1.EnvVar": {"name", "value", "valueFrom"},
    "core.v1.SecretKeySelector": {"name", "key"},
    "core.v1.ObjectFieldSelector": {"fieldPath"},
    "core.v1.ResourceFieldSelector": {"resource"},
    "core.v1.EnvFromSource": {"configMapRef", "secretRef"},
    "core.v1.ConfigMapEnvSource": {"name"},
    "core.v1.SecretEnvSource": {"name"},
    "core.v1.ResourceRequirements": {"limits", "requests"},
    "core.v1.VolumeMount": {"name", "mountPath"},
    "core.v1.Lifecycle": {"postStart", "preStop"},
    "core.v1.ExecAction": {"command"},
    "core.v1.HTTPHeader": {"name", "value"},
    "core.v1.SleepAction": {"seconds"},
    "core.v1.Capabilities": {"add", "drop"},
    "core.v1.SeccompProfile": {"type", "localhostProfile"},
    "core.v1.Sysctl": {"name", "value"},
    "core.v1.Volume": {"name"},
    "core.v1.ConfigMapVolumeSource": {"name"},
    "core.v1.KeyToPath": {"key", "path"},
    "core.v1.PersistentVolumeClaimVolumeSource": {"claimName"},
    "core.v1.SecretVolumeSource": {"secretName"},
}


# The same for the other objects: the types are those of the kind's API, which the section is called after, and of their group.
OTHER_TYPES = {
    "core.v1.ServiceSpec": ("Service", ""),
    "core.v1.ServicePort": ("Service", "ports"),
    "networking.v1.IngressSpec": ("Ingress", ""),
    "networking.v1.IngressRule": ("Ingress", "rules"),
    "networking.v1.HTTPIngressRuleValue": ("Ingress", "rules"),
    "networking.v1.HTTPIngressPath": ("Ingress", "paths"),
    "networking.v1.IngressBackend": ("Ingress", "backend"),
    "networking.v1.IngressTLS": ("Ingress", "tls"),
    "core.v1.PersistentVolumeClaimSpec": ("PersistentVolumeClaim", ""),
    "core.v1.ServiceAccount": ("ServiceAccount, Role, ClusterRole and bindings", ""),
    "rbac.v1.ClusterRole": ("ServiceAccount, Role, ClusterRole and bindings", ""),
    "rbac.v1.PolicyRule": ("ServiceAccount, Role, ClusterRole and bindings", "rules"),
    "rbac.v1.RoleBinding": ("ServiceAccount, Role, ClusterRole and bindings", ""),
    "policy.v1.PodDisruptionBudgetSpec": ("PodDisruptionBudget", ""),
    "networking.v1.NetworkPolicySpec": ("NetworkPolicy", ""),
    "networking.v1.NetworkPolicyIngressRule": ("NetworkPolicy", ""),
    "networking.v1.NetworkPolicyEgressRule": ("NetworkPolicy", ""),
    "networking.v1.NetworkPolicyPeer": ("NetworkPolicy", "from"),
    "networking.v1.IPBlock": ("NetworkPolicy", "ipBlock"),
    "batch.v1.CronJobSpec": ("CronJob", ""),
    "batch.v1.JobSpec": ("CronJob", ""),
    "ServiceMonitor.spec": ("ServiceMonitor", ""),
    "ServiceMonitor.spec.endpoints": ("ServiceMonitor", "endpoints"),
}
GROUPS_OF_OTHERS = ("api/v1", "apis/batch/v1", "apis/networking.k8s.io/v1", "apis/policy/v1", "apis/rbac.authorization.k8s.io/v1")


class Line:
    def __init__(self, section: str, line: str):
        fields, says, group = (*(cell.strip() for cell in line.strip("|").split("|")), "")[:3]
        self.section, self.group, self.says = section, group, says
        self.fields = re.findall(r"`([^`]+)`", fields)
        self.of = re.findall(r"`([^`]+)`", fields.partition(" of ")[2])
        # In backticks and with a place in the schema: no name of a command or a kind.
        self.attributes = re.findall(r"`([a-z_]+(?:\.(?:[a-z_]+|\*))*)`", says) if says.split(":")[0] not in ("patch", "no") else []

    def __repr__(self):
        return f"{self.section}: {', '.join(self.fields) or self.says}"


def table(of: str = "a pod") -> list[Line]:
    page = (EXAMPLES.parent / "docs/guides/services.md").read_text()
    (part,) = re.findall(rf"^## Where each field of {of} is said\n(.*?)^## ", page, re.MULTILINE | re.DOTALL)
    lines, section = [], ""
    for line in part.splitlines():
        if line.startswith("### "):
            section = line[4:].partition(":")[0]
        elif line.startswith("|") and not re.match(r"\| field \||\|---", line):
            lines.append(Line(section, line))
    return lines


def schemas(cluster, group: str = "apis/apps/v1") -> dict:
    code, document = cluster.api.send("GET", f"/openapi/v3/{group}")
    assert code == 200, document
    return {name.removeprefix("io.k8s.api."): schema for name, schema in document["components"]["schemas"].items()}


def types_in(value) -> set[str]:
    """The types that a part of a schema refers to."""
    if isinstance(value, dict):
        own = {value["$ref"].rpartition("/")[2].removeprefix("io.k8s.api.")} if "$ref" in value else set()
        return own.union(*map(types_in, value.values()))
    return set().union(*map(types_in, value)) if isinstance(value, list) else set()


@pytest.mark.real_only("the real server knows all fields")
def test_every_field_has_a_line(cluster):
    """Of a pod: every field down to where a line leaves the rest to the patch."""
    known = schemas(cluster)
    missing, reached = [], set()
    for type_, (section, of) in TYPES.items():
        for field in sorted(known[type_]["properties"]):
            lines = [line for line in table()
                     if line.section == section and field in line.fields and field not in line.of and (not of or of in line.of)]
            if not lines and field not in WITHIN.get(type_, set()):
                missing.append(f"{type_}.{field}")
            if type_.startswith("core.") and not any(re.search(r"^no:|\bpatch\b", line.says) for line in lines):
                reached |= {inner for inner in types_in(known[type_]["properties"][field]) if "properties" in known[inner]}
    assert not missing, "docs/guides/services.md says nothing about them"
    assert not reached - set(TYPES), "docs/guides/services.md says nothing about the fields of these types"
    fields = {field for schema in known.values() for field in schema.get("properties", {})}
    assert not [line for line in table() if set(line.fields) - fields], "docs/guides/services.md has fields that there are not"


def schemas_of_others(cluster) -> dict:
    known = {}
    for group in GROUPS_OF_OTHERS:
        known |= schemas(cluster, group)
    version = next(v for v in operators.crd("ServiceMonitor")["spec"]["versions"] if v["storage"])
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return known | {"ServiceMonitor.spec": spec, "ServiceMonitor.spec.endpoints": spec["properties"]["endpoints"]["items"]}


@pytest.mark.real_only("the real server knows all fields")
def test_every_field_of_the_other_objects_has_a_line(cluster, crds):
    crds("ServiceMonitor")
    known, lines, missing = schemas_of_others(cluster), table("the other objects"), []
    sections = {section for section, _ in OTHER_TYPES.values()}
    assert {line.section for line in lines} == sections
    for type_, (section, of) in OTHER_TYPES.items():
        for field in set(known[type_]["properties"]) - {"apiVersion", "kind", "metadata"}:
            if not any(line.section == section and field in line.fields and field not in line.of and (not of or of in line.of)
                       for line in lines):
                missing.append(f"{type_}.{field}")
    assert not missing, "docs/guides/services.md says nothing about them"
    for section in sections:
        fields = {field for type_, (of, _) in OTHER_TYPES.items() if of == section for field in known[type_]["properties"]}
        told = {field for line in lines if line.section == section for field in line.fields}
        assert not told - fields, f"docs/guides/services.md has fields of {section} that there are not"


@pytest.mark.sandbox_only("asks no server")
def test_the_lines_of_the_other_objects_name_attributes(stack, cluster):
    stack.write(hcl.resource("charon_service", "x", {"namespace": "a", "image": "b"}))
    attributes = stack.schema()["resource_schemas"]["charon_service"]["block"]["attributes"]
    for line in table("the other objects"):
        named = [one for one in line.attributes if not one.startswith(("conventions.", "extra_", "charon_"))]
        assert named or re.search(r"\bpatch\b|^no:|^the |^those of which|^ClusterIP", line.says), line
        for attribute in named:
            assert exists(attribute.split("."), attributes), f"{line}: there is no attribute {attribute}"


def keys(value) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {key for inner in value.values() for key in keys(inner)}
    if isinstance(value, list):
        return {key for inner in value for key in keys(inner)}
    return set()


def blocks() -> dict[str, str]:
    """The text of each service of rows/main.tf."""
    return dict(re.findall(r'^resource "charon_service" "(\w+)" \{\n(.*?)^\}', text(ROWS), re.MULTILINE | re.DOTALL))


def of_group(named: dict, group: str) -> list:
    """Those of `g4` and `g4-more`, or `g4_more`, for G4."""
    return [one for name, one in named.items() if re.fullmatch(rf"{group.lower()}([_-].*)?", name)]


def exists(steps: list[str], attributes: dict) -> bool:
    """Whether "probes.*.exec" is somewhere in the schema; a "*" is a key of a map, or any attribute of an object."""
    if not steps:
        return True
    if steps[0] not in attributes:
        return False
    nested, rest = attributes[steps[0]].get("nested_type", {}), steps[1:]
    inside = nested.get("attributes", {})
    if rest[:1] != ["*"]:
        return exists(rest, inside)
    if nested["nesting_mode"] == "single":
        return any(exists([name, *rest[1:]], inside) for name in inside)
    return exists(rest[1:], inside)


@pytest.mark.sandbox_only("asks no server")
def test_every_row_has_attributes_and_a_golden_rendering(stack, cluster):
    """Whoever adds a line to the table shows it in rows/main.tf as well, with attributes that there are."""
    lines = table()
    assert {line.group for line in lines} == {*GROUPS, ""}
    rendered = {}
    for document in yaml.safe_load_all((GOLDEN / "v1/rows.yaml").read_text()):
        if document["kind"] in ("Deployment", "StatefulSet", "DaemonSet"):
            rendered[document["metadata"]["name"]] = document
    stack.write(hcl.resource("charon_service", "x", {"namespace": "a", "image": "b"}))
    attributes = stack.schema()["resource_schemas"]["charon_service"]["block"]["attributes"]
    for line in lines:
        for attribute in line.attributes:
            assert exists(attribute.split("."), attributes), f"{line}: there is no attribute {attribute}"
        if not line.group:
            continue
        golden = set().union(*(keys(document) for document in of_group(rendered, line.group)))
        assert not set(line.fields) - golden, f"{line}: golden/v1/rows.yaml has none of it in {line.group.lower()}"
        written = "\n".join(of_group(blocks(), line.group))
        said = {attribute.rpartition(".")[2] for attribute in line.attributes}
        assert not {name for name in said if not re.search(rf"\b{name}\b", written)}, f"{line}: rows/main.tf does not say it"


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_beyond_pods_is_rendered_as_ever(bare_stack, version):
    """Exposure by each controller, identity and operations: golden/*/nginx.yaml and traefik.yaml."""
    bare_stack.config.joinpath("required.tf").unlink(missing_ok=True)
    bare_stack.environment["TF_VAR_render_version"] = str(version)
    bare_stack.write(text(RENDERED))
    bare_stack.apply(checked=False)
    outputs = bare_stack.state().outputs
    for controller in ("nginx", "traefik"):
        expect_rendering(json.loads(outputs[controller]), controller, version)


def test_every_row_is_applied(stack, cluster, crds):
    """On both servers, which take every field; the plan is empty then."""
    crds("ServiceMonitor")
    give_gpus(cluster)
    make_namespace(cluster, NAMESPACE)
    stack.config.joinpath("required.tf").unlink(missing_ok=True)
    stack.write(text(ROWS))
    stack.apply()
    expect_golden(cluster.api, stack.state(), ROWS)
    # Whatever node they got to, the pods run.
    pods = [p for p in cluster.api.list("Pod", NAMESPACE) if "deletionTimestamp" not in p["metadata"]]
    nodes = len(cluster.api.list("Node"))
    assert len(pods) == nodes + sum(
        a["replicas"] or 1 for name, a in stack.state().resources.items()
        if name.startswith("charon_service.") and name != "charon_service.daemonset")
    assert all(any(c["type"] == "Ready" and c["status"] == "True" for c in p["status"]["conditions"]) for p in pods)
    raise_version(stack, cluster, ROWS)
    # A DaemonSet is changed, and forgotten and imported, as the other kinds are elsewhere.
    changed = (stack.config / "main.tf").read_text().replace('max_unavailable = "2"', 'max_unavailable = "3"')
    stack.write(changed)
    assert stack.apply().actions == {"charon_service.daemonset": "update"}
    before = cluster.get("DaemonSet", NAMESPACE, "daemonset")
    assert before["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"] == 3
    stack.run("state", "rm", "charon_service.daemonset")
    stack.write(changed + f'\nimport {{\n  to = charon_service.daemonset\n  id = "{NAMESPACE}/daemonset"\n}}\n')
    plan = stack.apply(checked=False)
    assert set(plan.actions) <= {"charon_service.daemonset"}
    after = cluster.get("DaemonSet", NAMESPACE, "daemonset")
    assert (after["metadata"]["uid"], after["metadata"]["generation"]) == (before["metadata"]["uid"], before["metadata"]["generation"])
    stack.write(changed)
    stack.expect_empty()
    stack.destroy()
    cluster.api.delete("Namespace", None, NAMESPACE)


# --- extra_manifest_patch --------------------------------------------------------------------------

BASE = {
    "ports": {"http": 8080, "wg": "51820/UDP"},
    "env": {"A": "1", "B": "2"},
    "volumes": {"data": {"mount": "/data", "empty_dir": {}}, "old": {"mount": "/old", "empty_dir": {}}},
    "init_containers": [{"name": "first", "command": ["true"]}],
    "rollout": {"strategy": "RollingUpdate", "max_surge": "1"},
    "pod": {"image_pull_secrets": ["a"], "host_aliases": {"192.0.2.1": ["one"]}, "dns": {"options": {"ndots": "2"}}},
    "scheduling": {"tolerations": [{"key": "a", "operator": "Exists"}], "spread": {"over": "host"},
                   "node_selector": {"arch": "arm64"}},
}
POD_PATCH = {
    "containers": [
        {"name": "web",
         "env": [{"name": "A", "$patch": "delete"}, {"name": "B", "value": "3"}, {"name": "C", "value": "4"}],
         "ports": [{"containerPort": 8080, "hostPort": 80}, {"containerPort": 9090, "name": "admin", "protocol": "TCP"}],
         "volumeMounts": [{"mountPath": "/logs", "name": "data"}, {"mountPath": "/old", "$patch": "delete"}],
         "volumeDevices": [{"devicePath": "/dev/a", "name": "raw"}]},
        {"name": "more", "image": "m:1", "command": ["a"]},
    ],
    "initContainers": [{"name": "first", "command": ["false"]}],
    "ephemeralContainers": [{"name": "debug", "image": "d:1"}],
    "volumes": [{"name": "data", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/x"}}, {"name": "old", "$patch": "delete"},
                {"name": "raw", "persistentVolumeClaim": {"claimName": "raw"}}],
    "imagePullSecrets": [{"name": "b"}],
    "hostAliases": [{"ip": "192.0.2.1", "hostnames": ["two"]}, {"ip": "192.0.2.2", "hostnames": ["three"]}],
    "topologySpreadConstraints": [{"topologyKey": "kubernetes.io/hostname", "maxSkew": 5}],
    "resourceClaims": [{"name": "gpu", "resourceClaimName": "gpu"}],
    "schedulingGates": [{"name": "example.org/gate"}],
    "tolerations": [{"key": "b", "operator": "Exists"}],
    "dnsConfig": {"options": [{"name": "edns0"}], "searches": None},
    "nodeSelector": {"$patch": "replace", "disk": "ssd"},
}
PATCH = {
    "metadata": {"annotations": {"a": "b"}, "labels": {"app.kubernetes.io/name": None}, "finalizers": ["example.org/a"],
                 "ownerReferences": [{"uid": "1", "kind": "A", "name": "a", "apiVersion": "v1"}]},
    "spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}, "template": {"spec": POD_PATCH}},
}


def sorted_lists(value):
    """kubectl puts what is new at the front, and the merge at the end; nothing but a reader sees that."""
    if isinstance(value, dict):
        return {key: sorted_lists(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return sorted((sorted_lists(inner) for inner in value), key=json.dumps)
    return value


OTHERS = {
    "identity": {"rules": [{"resources": ["pods"], "verbs": ["get"]}]},
    "claims": {"kept": {"mount": "/kept", "size": "1Gi", "access_modes": ["ReadWriteMany"]}},
    "disruption_budget": {"max_unavailable": "1"},
    "network_policy": {"from_namespaces": ["a"], "to_cidrs": ["192.0.2.0/24"]},
    "backups": {"night": {"schedule": "@daily", "command": ["save"], "to": "kept", "env": {"A": "1"}}},
    "expose": {"web": {"host": "web.example.org", "auth": "app", "auth_reason": "its own"}},
}
OTHER_PATCHES = {
    "Service": {"metadata": {"annotations": {"a": "b"}, "finalizers": ["example.org/a"]}, "spec": {
        "sessionAffinity": "ClientIP", "externalIPs": ["192.0.2.1"], "type": None,
        "ports": [{"port": 80, "appProtocol": "http"}, {"port": 51820, "$patch": "delete"}, {"port": 7, "name": "more"}]}},
    "Ingress": {"spec": {"tls": [{"hosts": ["a"]}], "rules": [{"host": "b"}], "defaultBackend": {"resource": {"kind": "A", "name": "a"}}}},
    "PersistentVolumeClaim": {"spec": {"accessModes": ["ReadOnlyMany"], "volumeName": "a", "selector": {"matchLabels": {"a": "b"}}}},
    "ServiceAccount": {"secrets": [{"name": "a"}], "imagePullSecrets": [{"name": "b"}], "automountServiceAccountToken": False},
    "Role": {"rules": [{"verbs": ["get"], "nonResourceURLs": ["/metrics"]}]},
    "RoleBinding": {"subjects": [{"kind": "User", "name": "a"}]},
    "PodDisruptionBudget": {"spec": {"maxUnavailable": None, "minAvailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow"}},
    "NetworkPolicy": {"spec": {"ingress": [{"ports": [{"port": 80}, {"port": 443}]}], "egress": []}},
    "CronJob": {"spec": {"suspend": True, "jobTemplate": {"spec": {"backoffLimit": 0, "template": {"spec": {
        "containers": [{"name": "web", "env": [{"name": "A", "$patch": "delete"}, {"name": "B", "value": "2"}], "tty": True}]}}}}}},
}


def test_a_patch_is_what_kubectl_makes_of_it(stack, cluster, folder):
    smallest = {"namespace": "shop", "name": "web", "image": "example.test/web:1", **BASE, **OTHERS}
    patches = {"Deployment": PATCH} | OTHER_PATCHES
    documents = [{"kind": kind} | patch for kind, patch in patches.items()]
    patched = smallest | {"extra_manifest_patch": "\n---\n".join(map(json.dumps, documents))}
    stack.write("".join(
        f"output {hcl.value(name)} {{\n  value = provider::charon::service_manifests({hcl.value(service)}, null)\n}}\n"
        for name, service in (("plain", smallest), ("patched", patched))))
    stack.apply(checked=False)
    outputs = json.loads(stack.run("output", "-json").stdout)
    for kind, patch in patches.items():
        plain, ours = (next(o for o in outputs[name]["value"] if o["kind"] == kind) for name in ("plain", "patched"))
        initial = ours.get("spec", {}).pop("resources", None) if kind == "PersistentVolumeClaim" else None
        if initial:  # of the claim's creation, merged after the patch
            plain["spec"].pop("resources")
        (folder / "base.json").write_text(json.dumps(plain))
        run = subprocess.run(
            ["kubectl", "patch", "--local", "-f", folder / "base.json", "--type=strategic", "-p", json.dumps(patch), "-o", "json"],
            capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        assert sorted_lists(ours) == sorted_lists(json.loads(run.stdout)), kind
