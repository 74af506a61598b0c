"""Who owns what: objects that other tools made are taken over whole, and co-owners are left alone."""

import json

import pytest

from harness import hcl
from harness.kubernetes import managers

pytestmark = [
    pytest.mark.one_cli("about the provider and the server; where programs differ, lifecycle_test.py and examples_test.py meet it"),
    pytest.mark.thorough("goes deep where others go broad"),
]

ADDRESS = "charon_kubernetes_manifest.x"


def manifest(object_, **more):
    return hcl.resource("charon_kubernetes_manifest", "x", {"manifest": json.dumps(object_)} | more)


def deployment(namespace, *, labels=None, annotations=None, env=None, image="registry.example/web:1", **spec):
    metadata = {"name": "web", "namespace": namespace, "labels": {"app": "web"} | (labels or {})}
    if annotations:
        metadata["annotations"] = annotations
    container = {"name": "main", "image": image, "ports": [{"containerPort": 80}]}
    if env:
        container["env"] = [{"name": k, "value": v} for k, v in env.items()]
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}},
        } | spec,
    }


def live(cluster, namespace):
    return cluster.get("Deployment", namespace, "web")


def env_of(object_):
    (container,) = object_["spec"]["template"]["spec"]["containers"]
    return {e["name"]: e.get("value") for e in container.get("env", ())}


# --- Adoption ---------------------------------------------------------------------------------------
# kubectl itself; what the others send, as their source and the managedFields of what they made have it (writers_test.py has them).

HELM = {
    "labels": {"app.kubernetes.io/managed-by": "Helm", "helm.sh/chart": "web-1.2.3"},
    "annotations": {"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "shop"},
}


def kubectl_apply(cluster, kubectl, first, second):
    """A POST, then a strategic merge patch, with the last configuration in an annotation."""
    for object_ in (first, second):
        kubectl("apply", "-f", "-", objects=[object_])


def kubectl_server_side(cluster, kubectl, first, second):
    for object_ in (first, second):
        kubectl("apply", "--server-side", "-f", "-", objects=[object_])


def helm3(cluster, kubectl, first, second):
    """install is a POST, upgrade a strategic merge patch: both Update (helm 3, pkg/kube/client.go)."""
    cluster.api.create(first, "helm")
    change(cluster, second, "helm")


def helm4(cluster, kubectl, first, second):
    cluster.api.apply(first, "helm", force=True)
    cluster.api.apply(second, "helm", force=True)


def helm3_then_4(cluster, kubectl, first, second):
    """An upgrade from 3 to 4: one manager with both operations."""
    cluster.api.create(first, "helm")
    cluster.api.apply(second, "helm", force=True)


def terraform_typed(cluster, kubectl, first, second):
    """hashicorp/kubernetes: POST, then a JSON patch; the manager is the start of its user agent."""
    cluster.api.create(first, "HashiCorp")
    patch = [{"op": "replace", "path": "/spec/template/spec/containers", "value":
              second["spec"]["template"]["spec"]["containers"]}]
    cluster.api.patch("Deployment", first["metadata"]["namespace"], "web", patch, "json", "HashiCorp")


def terraform_put(cluster, kubectl, first, second):
    """A PUT under the program's name, as clients do that do not set a manager."""
    manager = "terraform-provider-kubernetes_v2.38.0_x5"
    made = cluster.api.create(first, manager)
    del made["metadata"]["resourceVersion"]  # controllers write at the same time
    cluster.api.replace(made | {"spec": made["spec"] | {"template": second["spec"]["template"]}}, manager)


def terraform_manifest(cluster, kubectl, first, second):
    """kubernetes_manifest: server-side apply under its default name."""
    cluster.api.apply(first, "Terraform")
    cluster.api.apply(second, "Terraform")


def change(cluster, object_, manager):
    metadata = {k: v for k, v in object_["metadata"].items() if k in ("labels", "annotations")}
    patch = {"metadata": metadata, "spec": object_["spec"]}
    cluster.api.patch("Deployment", object_["metadata"]["namespace"], "web", patch, "strategic", manager)


MAKERS = [kubectl_apply, kubectl_server_side, helm3, helm4, helm3_then_4, terraform_typed, terraform_put, terraform_manifest]


@pytest.fixture(params=MAKERS, ids=lambda maker: maker.__name__)
def made(request, cluster, kubectl, work):
    """A Deployment in its second version, made by a tool; and somebody else has written to it as well."""
    of_helm = HELM if "helm" in request.param.__name__ else {"labels": {}, "annotations": {}}
    labels = {"team": "a", "tool": "yes"} | of_helm["labels"]
    annotations = {"note": "of the tool"} | of_helm["annotations"]
    env = {"KEPT": "1", "DROPPED": "2"}
    request.param(cluster, kubectl, deployment(work, labels=labels, annotations=annotations, env={"KEPT": "0"}),
                  deployment(work, labels=labels, annotations=annotations, env=env))
    cluster.api.patch("Deployment", work, "web", {"metadata": {"labels": {"theirs": "1"}}}, manager="somebody")
    found = live(cluster, work)
    assert env_of(found) == env and found["metadata"]["labels"].items() >= labels.items()
    return found


def expect_taken_over(cluster, work, made):
    """It is the same object, all of the tool's fields are ours, and nothing is of the tool any more."""
    now = live(cluster, work)
    assert now["metadata"]["uid"] == made["metadata"]["uid"]
    left = {name for name, operation in managers(now) if name not in ("charon", "somebody")}
    assert not {n for n in left if n.startswith(("kubectl", "helm", "HashiCorp", "terraform", "Terraform"))}, left
    assert now["metadata"]["labels"]["theirs"] == "1"
    return now


def test_adoption_takes_over_what_the_tool_wrote(stack, cluster, work, made):
    """on_conflict = adopt: what the tool wrote and the configuration does not have goes at once, and what goes from
    the configuration later goes as well."""
    stack.write(manifest(deployment(work, labels={"team": "a"}, env={"KEPT": "1"}), on_conflict="adopt"))
    assert stack.apply().actions == {ADDRESS: "create"}
    now = expect_taken_over(cluster, work, made)
    assert now["metadata"]["labels"] == {"app": "web", "team": "a", "theirs": "1"}
    assert env_of(now) == {"KEPT": "1"}
    annotations = now["metadata"].get("annotations", {})
    assert not [a for a in annotations if a == "note" or a.startswith(("meta.helm.sh", "kubectl.kubernetes.io"))]

    stack.write(manifest(deployment(work), on_conflict="adopt"))
    assert stack.apply().actions == {ADDRESS: "update"}
    now = live(cluster, work)
    assert now["metadata"]["labels"] == {"app": "web", "theirs": "1"} and env_of(now) == {}
    stack.destroy()


def test_import_and_then_a_line_less(stack, cluster, work, made):
    """The import changes nothing; a line that then goes from the generated configuration goes from the object."""
    stack.write(hcl.block("import", {"to": hcl.Expression(ADDRESS), "id": f"apps/v1/Deployment/{work}/web"}))
    before = cluster.mark()
    plan = stack.plan("-generate-config-out=generated.tf")
    assert plan.actions == {} and plan.importing == {ADDRESS}, stack.show(plan)
    stack.apply()
    assert cluster.writes(before) == []
    generated = json.loads(stack.state()[ADDRESS]["manifest"])
    assert env_of(generated) == {"KEPT": "1", "DROPPED": "2"}

    (container,) = generated["spec"]["template"]["spec"]["containers"]
    container["env"] = [e for e in container["env"] if e["name"] == "KEPT"]
    del generated["metadata"]["labels"]["tool"]
    (stack.config / "generated.tf").unlink()
    stack.write(manifest(generated, on_conflict="adopt"))
    assert stack.apply().actions == {ADDRESS: "update"}
    now = expect_taken_over(cluster, work, made)
    assert env_of(now) == {"KEPT": "1"}
    assert "tool" not in now["metadata"]["labels"] and now["metadata"]["labels"]["team"] == "a"
    stack.destroy()


def test_import_beside_the_manifest_that_made_it(stack, cluster, kubectl, work, folder):
    """What the server has filled in, or spells otherwise, makes nothing anew, also where it cannot change."""
    pods = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{
        "name": "main", "image": "registry.example/web:1",
        "env": [{"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]}]}}
    made = {
        "set": {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web", "namespace": work}, "spec": {
            "replicas": 0, "serviceName": "web", "selector": {"matchLabels": {"app": "web"}}, "template": pods,
            "volumeClaimTemplates": [{"metadata": {"name": "d"}, "spec": {
                "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}}}]}},
        "job": {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "web", "namespace": work}, "spec": {
            "suspend": True, "template": {"spec": pods["spec"] | {"restartPolicy": "Never"}}}},
    }
    for name, object_ in made.items():
        (folder / f"{name}.json").write_text(json.dumps(object_))
        kubectl("create", "-f", folder / f"{name}.json")
    uids = {kind: cluster.get(kind, work, "web")["metadata"]["uid"] for kind in ("StatefulSet", "Job")}
    stack.write("".join(
        hcl.resource("charon_kubernetes_manifest", name, {"manifest": json.dumps(object_)})
        + hcl.block("import", {"to": hcl.Expression(f"charon_kubernetes_manifest.{name}"),
                               "id": f"{object_['apiVersion']}/{object_['kind']}/{work}/web"})
        for name, object_ in made.items()))
    assert "replace" not in stack.apply().actions.values()
    assert {kind: cluster.get(kind, work, "web")["metadata"]["uid"] for kind in uids} == uids
    stack.expect_empty()
    stack.destroy()


def test_a_line_goes_although_a_tool_cleared_who_owns_what(stack, cluster, kubectl, work):
    """Without managedFields nobody owns anything; the server would give all of it to "before-first-apply" for ever."""
    address = "charon_service.web"

    def write(lines):
        settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": work}, "data": lines}
        service = hcl.resource("charon_service", "web", {
            "name": "web", "namespace": work, "image": "registry.example/web:1", "env": lines, "wait": "none"})
        stack.write(manifest(settings) + service)

    def now():
        return cluster.get("ConfigMap", work, "settings")["data"], env_of(live(cluster, work))

    write({"A": "1", "B": "2"})
    stack.apply()
    for name in ("configmap/settings", "deployment/web"):
        kubectl("patch", name, "-n", work, "--type=json", "-p", '[{"op":"replace","path":"/metadata/managedFields","value":[{}]}]')
    assert "managedFields" not in cluster.get("ConfigMap", work, "settings")["metadata"]
    assert stack.plan().actions == {}

    write({"A": "1"})
    assert stack.apply().actions == {ADDRESS: "update", address: "update"}
    assert now() == ({"A": "1"}, {"A": "1"})
    write({"C": "3"})
    stack.apply()
    assert now() == ({"C": "3"}, {"C": "3"})
    owners = {entry["manager"] for entry in cluster.get("ConfigMap", work, "settings")["metadata"]["managedFields"]}
    assert owners == {"charon"}
    stack.destroy()


# --- Co-owners ----------------------------------------------------------------------------------------


def test_a_namesake_of_what_was_deleted_is_somebody_elses(stack, cluster, work, names):
    """Somebody deletes what we made and makes another of the same name: neither update nor destroy touches it."""
    space = names("t")

    def write(**more):
        stack.write(
            hcl.resource("charon_kubernetes_manifest", "m", {"manifest": json.dumps(
                {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "namespace": work}, "data": {"v": "1"}})} | more)
            + hcl.resource("charon_secret", "s", {"namespace": work, "name": "s", "generate": {"A": {}}} | more)
            + hcl.resource("charon_tier", "t", {"name": space, "priority": 5} | more)
            + hcl.resource("charon_tier_namespace", "n", {"name": space, "governance": "external", "governance_wait": "1s"} | more)
            + hcl.resource("charon_service", "web", {"namespace": work, "name": "web", "image": "registry.example.org/app:1", "files": {"/etc/a": {"content": "x"}},
                                                     "pod": {"termination_grace_period": "1s"}} | more)
            + hcl.resource("charon_kubernetes_manifest", "d", {"manifest": json.dumps(synced), "force_conflicts": True} | more))

    # Made anew by what applies on the server, as Argo CD and Flux do.
    synced = json.loads(json.dumps(deployment(work, replicas=0)).replace('"web"', '"synced"'))
    deployed = deployment(work, image="registry.example.org/other:1", replicas=0)
    namesakes = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "namespace": work}, "data": {"theirs": "precious"}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": work}, "data": {"theirs": "eA=="}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web-files", "namespace": work}, "data": {"theirs": "precious"}},
        deployed,
    ]

    def others():
        return {o["metadata"]["name"]: cluster.get(o["kind"], work, o["metadata"]["name"]) for o in namesakes}

    write()
    stack.apply()
    for one in namesakes:
        cluster.api.delete(one["kind"], work, one["metadata"]["name"])
        cluster.api.create(one, manager="kubectl-create")
    cluster.api.delete("Deployment", work, "synced")
    cluster.api.apply(synced, manager="argocd-controller")
    cluster.api.delete("Namespace", None, space)
    cluster.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}}, manager="kubectl-create")
    tier = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": f"tier-{space}"}, "value": 77}
    cluster.api.delete("PriorityClass", None, f"tier-{space}")
    cluster.api.create(tier, manager="kubectl-create")
    theirs = others()
    plan = stack.plan()
    assert len([w for w in plan.warnings if w.summary.startswith("Deleted outside of Terraform")]) == 7, plan
    assert set(plan.actions.values()) == {"create"}, plan.actions
    result = stack.apply(fails=True)
    assert len([e for e in result.errors if "exists already" in e.text and "on_conflict" in e.text]) >= 4, result
    assert others() == theirs

    # Without a refresh, too; and a destroy leaves them.
    stack.destroy("-refresh=false")
    assert {name: o["metadata"]["uid"] for name, o in others().items()} == {name: o["metadata"]["uid"] for name, o in theirs.items()}
    assert cluster.has("Deployment", work, "synced")
    assert cluster.has("Namespace", None, space) and cluster.get("PriorityClass", None, f"tier-{space}")["value"] == 77
    cluster.api.delete("PriorityClass", None, f"tier-{space}")
    write(on_conflict="adopt")
    stack.apply()
    assert cluster.get("ConfigMap", work, "m")["metadata"]["uid"] == theirs["m"]["metadata"]["uid"]
    stack.destroy()
    assert not cluster.has("ConfigMap", work, "m")


def test_what_governs_a_namespace_is_not_taken_from_others(stack, cluster, names):
    """Neither what stands in the place of what was deleted, nor what was there before it is declared."""
    space = names("t")

    def write(**more):
        stack.write(hcl.resource("charon_tier_namespace", "n", {
            "name": space, "governance": "internal", "resource_quota": {"pods": "40"}, "governance_wait": "1s"} | more))

    write()
    stack.apply()
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "tier-quota", "namespace": space}, "spec": {"hard": {"pods": "99", "services": "3"}}}
    policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "default-deny", "namespace": space},
              "spec": {"podSelector": {"matchLabels": {"app": "theirs"}}, "policyTypes": ["Egress"]}}
    cluster.api.delete("ResourceQuota", space, "tier-quota")
    for one in (quota, policy):
        cluster.api.create(one, manager="kubectl-create")
    assert "exists already" in stack.apply(fails=True).error.text
    cluster.api.delete("ResourceQuota", space, "tier-quota")
    stack.apply()
    write(default_deny=True)
    assert "exists already" in stack.apply(fails=True).error.text
    assert cluster.get("NetworkPolicy", space, "default-deny")["spec"]["podSelector"] == policy["spec"]["podSelector"]
    write(default_deny=True, on_conflict="adopt")
    stack.apply()
    assert cluster.get("NetworkPolicy", space, "default-deny")["spec"]["podSelector"] == {}
    stack.destroy()


def test_what_is_written_back_from_a_backup_is_ours(stack, cluster, kubectl, work):
    """Mark and all: by `kubectl get -o yaml` and `kubectl create`. What the server never takes out of a claim stays the tool's."""
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "c", "namespace": work},
             "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}

    def write(value):
        labelled = claim | {"metadata": claim["metadata"] | {"labels": {"v": value}}}
        stack.write(hcl.resource("charon_kubernetes_manifest", "c", {"manifest": json.dumps(labelled)})
                    + hcl.resource("charon_service", "web", {"namespace": work, "name": "web", "image": "registry.example.org/app:1", "replicas": 0,
                                                             "claims": {"data": {"mount": "/data", "size": "1Gi"}}, "env": {"V": value}}))

    write("1")
    stack.apply()
    for name in ("c", "web-data"):
        kept = cluster.get("PersistentVolumeClaim", work, name)
        for server_side in ("managedFields", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"):
            kept["metadata"].pop(server_side, None)
        kept["metadata"].setdefault("annotations", {})["pv.kubernetes.io/bind-completed"] = "yes"
        kept["spec"] |= {"volumeName": f"pv-{work}-{name}", "storageClassName": "restored", "volumeMode": "Filesystem"}
        kept.pop("status", None)
        cluster.api.delete("PersistentVolumeClaim", work, name)
        kubectl("create", "-f", "-", objects=[kept])
    uids = {name: cluster.get("PersistentVolumeClaim", work, name)["metadata"]["uid"] for name in ("c", "web-data")}
    write("2")
    stack.apply()
    for name in ("c", "web-data"):
        live = cluster.get("PersistentVolumeClaim", work, name)
        assert live["metadata"]["uid"] == uids[name] and live["spec"]["volumeName"] == f"pv-{work}-{name}"
        assert live["metadata"]["annotations"]["pv.kubernetes.io/bind-completed"] == "yes"
    stack.destroy()


def test_what_others_write_is_never_seen(stack, cluster, work):
    """Labels, annotations, a sidecar, replicas: none shows in a plan, and all survive our own changes."""
    stack.write(manifest(deployment(work, env={"A": "1"})))
    stack.apply()
    cluster.api.patch("Deployment", work, "web", {
        "metadata": {"labels": {"theirs": "1"}, "annotations": {"example.org/reviewed": "yes"}},
    }, manager="kubectl-label")
    cluster.api.patch("Deployment", work, "web", {"spec": {"template": {
        "metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}},
        "spec": {"containers": [{"name": "sidecar", "image": "registry.example/proxy:1"}]},
    }}}, "strategic", manager="injector")
    cluster.api.patch("Deployment", work, "web", {"spec": {"replicas": 3}}, manager="autoscaler")
    stack.expect_empty()
    stack.write(manifest(deployment(work, env={"A": "2"}, labels={"ours": "1"})))
    assert stack.apply().actions == {ADDRESS: "update"}
    now = live(cluster, work)
    assert now["metadata"]["labels"] == {"app": "web", "ours": "1", "theirs": "1"}
    assert now["metadata"]["annotations"]["example.org/reviewed"] == "yes"
    assert now["spec"]["replicas"] == 3
    template = now["spec"]["template"]
    assert "kubectl.kubernetes.io/restartedAt" in template["metadata"]["annotations"]
    assert {c["name"] for c in template["spec"]["containers"]} == {"main", "sidecar"}
    stack.destroy()


def test_an_autoscaler_owns_the_replicas_from_the_start(stack, cluster, work):
    """`initial`: replicas count at creation, and are the autoscaler's afterwards, whatever we change."""
    initial = json.dumps({"spec": {"replicas": 2}})
    stack.write(manifest(deployment(work), initial=initial))
    stack.apply()
    assert live(cluster, work)["spec"]["replicas"] == 2
    path = cluster.api.resource("apps/v1/Deployment").path(work, "web") + "/scale?fieldManager=autoscaler"
    code, answer = cluster.api.send("PATCH", path, {"spec": {"replicas": 5}}, "application/merge-patch+json")
    assert code == 200, answer
    stack.expect_empty()
    for image in ("registry.example/web:2", "registry.example/web:3"):
        stack.write(manifest(deployment(work, image=image), initial=initial))
        assert stack.apply().actions == {ADDRESS: "update"}
        assert live(cluster, work)["spec"]["replicas"] == 5
    # Without `initial` they stay too: nobody takes them away.
    stack.write(manifest(deployment(work, image="registry.example/web:3")))
    stack.apply()
    assert live(cluster, work)["spec"]["replicas"] == 5
    stack.destroy()


def test_initial_values_in_lists_of_custom_resources(stack, cluster, names, work):
    """Only the server knows by which keys their items are told apart, of which one has a default here; and which list
    is taken as a whole."""
    group = f"{names('g')}.example.org"
    text = {"type": "string"}
    properties = {
        "keyed": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k", "p"], "items": {
            "type": "object", "required": ["k"],
            "properties": {"k": text, "p": {"type": "integer", "default": 1}, "v": text, "tok": text}}},
        "whole": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}}},
    }
    cluster.api.create({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                        "metadata": {"name": f"gizmos.{group}"}, "spec": {
                            "group": group, "scope": "Namespaced",
                            "names": {"plural": "gizmos", "singular": "gizmo", "kind": "Gizmo", "listKind": "GizmoList"},
                            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
                                "type": "object", "properties": {"spec": {"type": "object", "properties": properties}}}}}]}})
    kind = f"{group}/v1/Gizmo"
    cluster.api.eventually(lambda: cluster.api.send("GET", f"/apis/{group}/v1/gizmos")[0] == 200, "the CRD to be served")

    def write(y, initial, **more):
        stack.write(manifest({"apiVersion": f"{group}/v1", "kind": "Gizmo", "metadata": {"name": "g", "namespace": work},
                              "spec": {"keyed": [{"k": "x", "v": "1"}, {"k": "y", "p": 2, "v": y}, {"k": "z", "v": "z"}]} | more},
                             **({"initial": json.dumps({"spec": initial})} if initial else {})))

    def items():
        return {(i["k"], i["p"]): (i.get("v"), i.get("tok")) for i in cluster.get(kind, work, "g")["spec"]["keyed"]}

    initial = {"keyed": [{"k": "init", "v": "i"}, {"k": "x", "tok": "ours"}, {"k": "z", "tok": "ours"}]}
    write("2", initial | {"whole": [{"n": 2}]}, whole=[{"n": 1}])
    error = stack.plan(fails=True).error
    assert error.code.startswith("initial") and "whole" in error.text, error
    write("2", initial)
    stack.apply()
    assert items() == {("x", 1): ("1", "ours"), ("y", 2): ("2", None), ("init", 1): ("i", None), ("z", 1): ("z", "ours")}
    # From now on they are somebody else's: nothing is set back, nothing is taken away.
    cluster.api.apply({"apiVersion": f"{group}/v1", "kind": "Gizmo", "metadata": {"name": "g", "namespace": work}, "spec": {
        "keyed": [{"k": "x", "p": 1, "tok": "theirs"}, {"k": "init", "p": 1, "v": "theirs"}]}}, "them", force=True)
    stack.expect_empty()
    write("3", initial)
    assert stack.apply().actions == {ADDRESS: "update"}
    assert items() == {("x", 1): ("1", "theirs"), ("y", 2): ("3", None), ("init", 1): ("theirs", None), ("z", 1): ("z", "ours")}
    # An item that nobody declares any more.
    for fewer in ({"keyed": [{"k": "x", "tok": "ours"}]}, None):
        write("3", fewer)
        stack.apply()
        assert items()[("x", 1)] == ("1", "theirs") and items()[("z", 1)] == ("z", "ours")
    stack.destroy()
    cluster.api.delete("CustomResourceDefinition", None, f"gizmos.{group}")


def test_a_list_of_the_manifest_and_of_initial_that_has_no_keys(stack, cluster, work):
    object_ = deployment(work)
    container = object_["spec"]["template"]["spec"]["containers"][0]
    container["args"] = ["-v"]
    initial = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "registry.example/web:0", "args": ["-q"]}]}}}}
    stack.write(manifest(object_, initial=json.dumps(initial)))
    (error,) = stack.validate(fails=True)
    assert error.code.startswith("initial") and "spec.template.spec.containers[0].args" in error.text, error


def test_a_null_takes_away_what_the_server_filled_in_and_refuses(stack, cluster, work):
    """As `kubectl apply` has it, without --server-side: that one is refused with the null as without it, writes an empty
    text for a null in a map, and takes fields from others for one. Elsewhere a null names nothing."""
    rolling, recreate = {"type": "RollingUpdate"}, {"type": "Recreate", "rollingUpdate": None}
    for form in ("manifest", "object"):
        def write(strategy, form=form):
            object_ = deployment(work, strategy=strategy, revisionHistoryLimit=None, annotations={"note": None})
            value = json.dumps(object_) if form == "manifest" else object_
            stack.write(hcl.resource("charon_kubernetes_manifest", "x", {form: value}))

        write(rolling)
        stack.apply()
        before = live(cluster, work)
        assert before["spec"]["strategy"]["rollingUpdate"]["maxSurge"] == "25%"
        write({"type": "Recreate"})
        assert stack.plan(fails=True).says("spec.strategy.rollingUpdate", "Forbidden")
        write(recreate)
        assert stack.apply().actions == {ADDRESS: "update"}
        after = live(cluster, work)
        assert after["spec"]["strategy"] == {"type": "Recreate"} and after["metadata"]["uid"] == before["metadata"]["uid"]
        assert after["spec"]["revisionHistoryLimit"] == 10 and "note" not in after["metadata"]["annotations"]
        stack.destroy()


def test_replicas_that_are_declared_are_given_up_by_leaving_them_out(stack, cluster, work):
    """Ours at first; an autoscaler takes them; the way out that the message names ends the quarrel."""
    stack.write(manifest(deployment(work, replicas=1)))
    stack.apply()
    cluster.api.patch("Deployment", work, "web", {"spec": {"replicas": 4}}, manager="autoscaler")
    plan = stack.plan()
    assert plan.actions == {ADDRESS: "update"} and plan.says(".spec.replicas", "autoscaler", "leave the field out"), plan
    stack.write(manifest(deployment(work)))
    stack.apply()
    assert live(cluster, work)["spec"]["replicas"] == 4
    stack.destroy()


def test_a_field_that_two_managers_apply_stays_when_we_drop_it(stack, cluster, work):
    """Shared by value: the other still wants it, so our leaving it out must not delete it."""
    stack.write(manifest(deployment(work, labels={"shared": "1", "ours": "1"})))
    stack.apply()
    cluster.api.apply({"apiVersion": "apps/v1", "kind": "Deployment",
                       "metadata": {"name": "web", "namespace": work, "labels": {"shared": "1"}}}, "gitops")
    stack.expect_empty()
    stack.write(manifest(deployment(work)))
    stack.apply()
    assert live(cluster, work)["metadata"]["labels"] == {"app": "web", "shared": "1"}
    stack.destroy()


def test_fields_of_somebody_elses_object(stack, cluster, work):
    """ownership = fields: the object is another tool's; ours are the named fields, and destroy takes back just these."""
    cluster.api.create(deployment(work, labels={"team": "a"}, env={"THEIRS": "1"}), "helm")
    uid = live(cluster, work)["metadata"]["uid"]
    ours = {"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": work, "labels": {"cost-centre": "7"}, "annotations": {"note": "x"}}}
    stack.write(manifest(ours, ownership="fields"))
    stack.apply()
    change(cluster, deployment(work, labels={"team": "b"}, env={"THEIRS": "2"}), "helm")
    stack.expect_empty()
    del ours["metadata"]["annotations"]
    stack.write(manifest(ours, ownership="fields"))
    stack.apply()
    now = live(cluster, work)
    assert "note" not in now["metadata"].get("annotations", {}) and now["metadata"]["labels"]["cost-centre"] == "7"
    stack.destroy()
    now = live(cluster, work)
    assert now["metadata"]["uid"] == uid and now["metadata"]["labels"] == {"app": "web", "team": "b"}
    assert env_of(now) == {"THEIRS": "2"}


def test_fields_of_what_is_not_there_are_told_by_the_plan(stack, cluster, work):
    stack.write(manifest({"apiVersion": "apps/v1", "kind": "Deployment",
                          "metadata": {"name": "web", "namespace": work, "labels": {"ours": "1"}}}, ownership="fields"))
    failed = stack.apply(fails=True)
    assert "ownership" in failed.error.code and failed.says(f"apps/v1/Deployment/{work}/web does not exist"), failed
    plan = stack.plan()
    (warning,) = plan.warnings
    assert warning.summary == f"Not there yet: apps/v1/Deployment/{work}/web" and "ownership" in warning.code, plan
    cluster.api.create(deployment(work), "helm")
    assert stack.apply().warnings == []
    assert live(cluster, work)["metadata"]["labels"]["ours"] == "1"


def test_a_field_that_the_object_needs_is_given_up_with_its_value(stack, cluster, work):
    cluster.api.create(deployment(work), "helm")
    ours = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": work, "labels": {"ours": "1"}},
            "spec": {"template": {"spec": {"containers": [{"name": "main", "image": "registry.example/web:2"}]}}}}
    stack.write(manifest(ours, ownership="fields", force_conflicts=True))
    stack.apply()
    destroyed = stack.destroy()
    assert destroyed.says("Left as it is", "image: Required value"), destroyed
    now = live(cluster, work)
    assert now["spec"]["template"]["spec"]["containers"][0]["image"] == "registry.example/web:2"
    assert "charon" not in json.dumps(now["metadata"]["managedFields"])
