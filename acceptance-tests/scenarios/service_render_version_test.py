"""conventions.render_version: raised, taken back, and workloads of others imported under each.

What the versions render of every example: service_examples_test.py. docs/design/decisions/0010-render-versions.md.
"""

import json
import re

import pytest

from harness import hcl
from harness.projection import applied
from service_examples_test import at_version
from service_migration_test import TOOLS, Before, workload

pytestmark = [
    pytest.mark.one_cli("what is rendered does not depend on the program"),
    pytest.mark.thorough("goes deep where others go broad"),
]

RULES = [{"resources": ["pods"], "verbs": ["get"]}]
FIELDS = ("automountServiceAccountToken", "enableServiceLinks")
NEITHER = {"spec": {"template": {"spec": dict.fromkeys(FIELDS)}}}
# Service -> what it says, and the two fields of its pods under version 2; None: not there.
SERVICES = {
    "plain": ({}, False, False),
    "account": ({"identity": {}}, False, False),
    "rules": ({"identity": {"rules": RULES}}, None, False),
    "named": ({"identity": {"service_account": {"name": "default"}}}, None, False),
    "token": ({"identity": {"service_account": {"automount": True}}}, True, False),
    "links": ({"pod": {"enable_service_links": True}}, False, True),
    "patched": ({"extra_manifest_patch": json.dumps(NEITHER)}, None, None),
    "patched-account": ({"extra_manifest_patch": "spec: {template: {spec: {serviceAccountName: default}}}"}, None, False),
    "set": ({"kind": "statefulset"}, False, False),
    "daemon": ({"kind": "daemonset"}, False, False),
    "saved": ({"claims": {"data": {"mount": "/data", "size": "1Gi"}}, "delete_data": True,
               "backups": {"nightly": {"schedule": "0 3 * * *", "command": ["dump"], "to": "data"}}}, False, False),
}
KINDS = {"set": "StatefulSet", "daemon": "DaemonSet"}


def workload_of(name: str) -> str:
    return KINDS.get(name, "Deployment")


def pod_specs(cluster, namespace: str) -> dict[str, dict]:
    found = {name: cluster.get(f"apps/v1/{workload_of(name)}", namespace, name)["spec"]["template"]["spec"] for name in SERVICES}
    job = cluster.get("batch/v1/CronJob", namespace, "saved-nightly")
    return found | {"job": job["spec"]["jobTemplate"]["spec"]["template"]["spec"]}


def fields_of(pod: dict) -> tuple:
    return tuple(pod.get(field) for field in FIELDS)


def has_token(cluster, namespace: str, name: str) -> bool:
    pods = [p for p in cluster.api.list("Pod", namespace, f"app={name}") if "deletionTimestamp" not in p["metadata"]]
    assert pods, name
    found = {any(v["name"].startswith("kube-api-access") for v in p["spec"].get("volumes", ())) for p in pods}
    assert len(found) == 1, name
    return found.pop()


def test_raising_the_version_and_going_back(stack, cluster, names):
    namespace = names("versions")
    cluster.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    conventions = {"owner": namespace}
    manifests = hcl.Expression(
        f"provider::charon::service_manifests({hcl.value({'namespace': namespace, 'name': 'plain', 'image': 'example.test/web:1'})},"
        f" {hcl.value(conventions | {'render_version': 2})})")
    stack.write(
        hcl.block('provider "charon"', {"conventions": conventions})
        + "".join(hcl.resource("charon_service", name, {
            "namespace": namespace, "name": name, "image": "example.test/web:1", **says})
            for name, (says, *_) in SERVICES.items())
        + hcl.block('output "manifests"', {"value": manifests}))
    stack.apply()
    (manifest,) = stack.state().outputs["manifests"]
    assert fields_of(manifest["spec"]["template"]["spec"]) == (False, False)
    at_first, objects = pod_specs(cluster, namespace), {a: r["objects"] for a, r in stack.state().resources.items() if "objects" in r}
    assert {name: fields_of(pod) for name, pod in at_first.items()} == (
        dict.fromkeys([*SERVICES, "job"], (None, None)) | {"token": (True, None), "links": (None, True)})
    assert has_token(cluster, namespace, "plain")

    # Up: exactly the workloads, and the jobs, that become others are named.
    at_version(stack, 2)
    plan = stack.apply()
    changing = set(SERVICES) - {"patched"}
    assert plan.actions == {f"charon_service.{name}": "update" for name in changing}
    named = set()
    for change in stack.show_plan_json(plan)["resource_changes"]:
        before, after = (change["change"][when].get("objects") or {} for when in ("before", "after"))
        named |= {key for key in before | after if before.get(key) != after.get(key)}
    assert named == {f"{workload_of(name)}/{namespace}/{name}" for name in changing} | {f"CronJob/{namespace}/saved-nightly"}
    (warning,) = [w for w in plan.warnings if w.summary == "The pods get no API token"]
    assert warning.address == "charon_service.account" and "automount = true" in warning.text
    now = pod_specs(cluster, namespace)
    assert {name: fields_of(pod) for name, pod in now.items()} == (
        {name: tuple(fields) for name, (_, *fields) in SERVICES.items()} | {"job": (False, False)})
    for name, pod in now.items():
        assert {k: v for k, v in pod.items() if k not in FIELDS} == {k: v for k, v in at_first[name].items() if k not in FIELDS}
    assert not any(has_token(cluster, namespace, name) for name in ("plain", "account", "set", "daemon"))
    assert all(has_token(cluster, namespace, name) for name in ("rules", "named", "token", "patched", "patched-account"))

    # Back: the fields are gone, and nobody of ours owns them.
    at_version(stack, None)
    plan = stack.apply()
    assert plan.actions == {f"charon_service.{name}": "update" for name in changing} and plan.warnings == []
    assert pod_specs(cluster, namespace) == at_first
    assert {a: r["objects"] for a, r in stack.state().resources.items() if "objects" in r} == objects
    plain = cluster.get("apps/v1/Deployment", namespace, "plain")
    assert not any(f"f:{field}" in json.dumps(applied(plain, "charon")) for field in FIELDS)
    assert has_token(cluster, namespace, "plain")
    stack.destroy()
    cluster.api.delete("Namespace", None, namespace)


# Workload -> what its pods have of the two fields, and what a configuration says to have the same under version 2.
IMPORTED = {
    "bare": ({}, {"extra_manifest_patch": NEITHER}),
    "spelled-out": (dict.fromkeys(FIELDS, True),
                    {"enable_service_links": True, "extra_manifest_patch": {"spec": {"template": {"spec": {FIELDS[0]: None}}}}}),
    "neither": (dict.fromkeys(FIELDS, False), {"enable_service_links": False}),
    "links-only": ({"enableServiceLinks": True, "serviceAccountName": "default"}, {"enable_service_links": True}),
}


def test_imports_touch_no_pod_under_version_2(stack, cluster, kubectl, names):
    """The generated configuration says what these pods have and version 2 would not give them; without that, they get version 2's."""
    places = {one: names(one) for one in IMPORTED}
    before = {}
    for one, (pod, _) in IMPORTED.items():
        name = places[one]
        cluster.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        object_ = workload("Deployment", name, "app", hashicorp=one == "spelled-out")
        object_["spec"]["template"]["spec"] |= pod
        TOOLS["Terraform" if one == "spelled-out" else "kubectl-server-side"](cluster, kubectl, [object_])
        before[one] = Before(cluster, "Deployment", name)
    provider = hcl.block('provider "charon"', {"conventions": {"owner": places["bare"], "render_version": 2}})
    stack.write(provider + "".join(
        hcl.block("import", {"to": hcl.Expression(f"charon_service.{one}"), "id": f"{name}/{name}"}) for one, name in places.items()))
    plan = stack.plan("-generate-config-out=generated.tf")
    assert not [w for w in plan.warnings if w.address or w.summary == "Parts of the workload have no attribute"]
    generated = (stack.config / "generated.tf").read_text()
    shown = {c["address"]: c["change"]["after"] for c in stack.show_plan_json(plan)["resource_changes"]}
    for one, (_, says) in IMPORTED.items():
        found = shown[f"charon_service.{one}"]
        patch = found["extra_manifest_patch"]
        assert (patch and json.loads(patch)) == says.get("extra_manifest_patch")
        assert (found["pod"] or {}).get("enable_service_links") == says.get("enable_service_links")
    plan = stack.apply()
    assert all("importing" in change for change in plan.changes.values())
    for one in before.values():
        one.still_stands()

    generated = re.sub(r'extra_manifest_patch += (jsonencode\(\{.*?\n  \}\)|".*?")\n', "", generated, flags=re.DOTALL)
    generated = re.sub(r"enable_service_links +=.*", "", generated)
    stack.write(provider)
    stack.write_file("generated.tf", generated)
    assert set(stack.apply().actions) >= {"charon_service.bare", "charon_service.spelled-out", "charon_service.links-only"}
    for one, name in places.items():
        pod = cluster.get("apps/v1/Deployment", name, name)["spec"]["template"]["spec"]
        assert fields_of(pod) == (None if one == "links-only" else False, False)
    stack.destroy()
    for name in places.values():
        cluster.api.delete("Namespace", None, name)
