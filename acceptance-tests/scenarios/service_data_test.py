"""charon_service and what must not be lost: data, workloads that run, and what a create left that failed.

Services that have nothing to do with each other share a stack, since a command costs more than an object."""

import pytest

from entries import RULE, RULES, make_namespace, make_storage_class
from harness import hcl, proxy

pytestmark = [
    pytest.mark.one_cli("about the provider and the server; where programs differ, lifecycle_test.py and examples_test.py meet it"),
    pytest.mark.thorough("goes deep where others go broad"),
]

UNCHECKED = 'provider "charon" {\n  plan_checks = "off"\n}\n'
SHORT = {"create": "3s", "update": "5s"}
BROKEN = {"annotations": {"test/image-pull-error": "true"}}
QUICK = {"termination_grace_period": "1s"}


def service(namespace, name, **more):
    attributes = {"namespace": namespace, "name": name, "image": "registry.example.org/app:1", "pod": QUICK} | more
    return hcl.resource("charon_service", name, {k: v for k, v in attributes.items() if v is not None})


def uid(cluster, *ref):
    return cluster.get(*ref)["metadata"]["uid"]


def pods(cluster, namespace, app):
    return {p["metadata"]["uid"] for p in cluster.api.list("Pod", namespace, f"app={app}") if "deletionTimestamp" not in p["metadata"]}


def size(cluster, namespace, claim):
    return cluster.get("PersistentVolumeClaim", namespace, claim)["spec"]["resources"]["requests"]["storage"]


def told(diagnostics, summary):
    """The texts of all warnings with that headline, as one."""
    return "\n".join(d.text for d in diagnostics if summary in d.summary)


# --- What cannot be changed in place --------------------------------------------------------------


def test_a_stateful_set_is_made_anew_only_if_the_server_takes_it(stack, cluster, work, names):
    make_storage_class(cluster, names("grows"))

    def write(amount, head="", **more):
        claims = {"data": {"mount": "/data", "size": amount, "per_replica": True, "storage_class": names("grows")}}
        stack.write(head + service(work, "db", kind="statefulset", claims=claims, image_owner="external", replicas=2,
                                   replicas_owner="external", **more))

    write("1Gi")
    stack.apply()
    # An autoscaler has the number of pods, an updater the image.
    cluster.api.patch("StatefulSet", work, "db", {"spec": {"replicas": 3}}, manager="scaler")
    cluster.api.patch("StatefulSet", work, "db", {"spec": {"template": {"spec": {"containers": [
        {"name": "db", "image": "registry.example.org/app:9"}]}}}}, "strategic", "keel")
    # Somebody has restarted it, and set a variable.
    cluster.api.patch("StatefulSet", work, "db", {"spec": {"template": {
        "metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}},
        "spec": {"containers": [{"name": "injected", "image": "registry.example.org/side:1"},
                                {"name": "db", "env": [{"name": "THEIRS", "value": "1"}]}]}}}}, "strategic", "kubectl-rollout")
    assert cluster.get("StatefulSet", work, "db")["spec"]["template"]["spec"]["containers"][0]["name"] == "injected"

    def settled():
        live = cluster.get("StatefulSet", work, "db")
        status = live["status"]
        return (status.get("observedGeneration") == live["metadata"]["generation"] and status.get("updatedReplicas") == 3
                and status.get("readyReplicas") == 3 and len(pods(cluster, work, "db")) == 3)

    cluster.api.eventually(settled, "three pods with the new image")
    before, running = uid(cluster, "StatefulSet", work, "db"), pods(cluster, work, "db")

    # One thing that takes a new set, and one that no set has.
    wrong = {"extra_manifest_patch": "spec: { updateStrategy: { type: Recreate } }"}
    write("2Gi", **wrong)
    plan = stack.plan(fails=True)
    assert plan.says("updateStrategy", "Recreate"), plan
    # Nor does an apply that was not checked delete what it cannot replace.
    write("2Gi", head=UNCHECKED, **wrong)
    result = stack.apply(fails=True)
    assert result.says("updateStrategy", "Recreate") and "dry-run" not in " ".join(d.text for d in result.errors), result
    assert uid(cluster, "StatefulSet", work, "db") == before and pods(cluster, work, "db") == running

    write("2Gi")
    plan = stack.apply()
    text = told(plan.warnings, "The StatefulSet is made anew")
    assert "spec.volumeClaimTemplates" in text and "keep running" in text, plan
    live = cluster.get("StatefulSet", work, "db")
    assert live["metadata"]["uid"] != before and pods(cluster, work, "db") == running
    # What others have stays theirs.
    assert live["spec"]["replicas"] == 3
    assert [c["image"] for c in live["spec"]["template"]["spec"]["containers"]] == ["registry.example.org/side:1", "registry.example.org/app:9"]
    assert live["metadata"]["generation"] == 1  # no moment without it
    # Also after the next change of ours.
    for more in ({}, {"env": {"OURS": "1"}}, {}):
        write("2Gi", **more)
        stack.apply()
        template = cluster.get("StatefulSet", work, "db")["spec"]["template"]
        assert template["metadata"]["annotations"] == {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}
        assert {e["name"] for e in template["spec"]["containers"][1]["env"]} == {*more.get("env", {}), "THEIRS"}
    assert [size(cluster, work, f"data-db-{ordinal}") for ordinal in range(3)] == ["2Gi"] * 3
    # And where the server had filled in more beside what the same change takes out.
    checked = {"ports": {"http": 8080}, "probes": {"liveness": {"http_get": "/live"}}}
    write("2Gi", **checked)
    stack.apply()
    before = uid(cluster, "StatefulSet", work, "db")
    write("3Gi", **checked | {"probes": {"liveness": {"tcp_socket": "http"}}})
    plan = stack.apply()
    assert "wrote into its pod template stays" in told(plan.warnings, "The StatefulSet is made anew"), plan
    template = cluster.get("StatefulSet", work, "db")["spec"]["template"]
    assert uid(cluster, "StatefulSet", work, "db") != before and "kubectl.kubernetes.io/restartedAt" in template["metadata"]["annotations"]
    side, db = template["spec"]["containers"]
    assert side["image"] == "registry.example.org/side:1" and {e["name"] for e in db["env"]} == {"THEIRS"}
    assert "tcpSocket" in db["livenessProbe"] and "httpGet" not in db["livenessProbe"]
    stack.destroy()


def test_what_a_set_was_made_anew_with_can_be_taken_out(stack, cluster, work):
    """Carried over is what others wrote, and nothing that the configuration has or the server fills in."""
    def write(**more):
        stack.write(service(work, "db", kind="statefulset", **more))

    def container(name):
        return next((c for c in cluster.get("StatefulSet", work, "db")["spec"]["template"]["spec"]["containers"] if c["name"] == name), None)

    full = {"command": ["a", "b"], "env": {"A": "1", "B": "2"}, "sidecars": {"s": {"image": "registry.example.org/s:1"}},
            "pod": {"termination_grace_period": "1s", "annotations": {"note": "n"}}}
    write(**full, rollout={"pod_management_policy": "Parallel"})
    stack.apply()
    first = cluster.get("StatefulSet", work, "db")
    cluster.api.patch("StatefulSet", work, "db", {"spec": {"template": {"spec": {"containers": [
        {"name": "db", "env": [{"name": "THEIRS", "value": "x"}]}]}}}}, "strategic")
    write(**full)
    plan = stack.apply()
    assert told(plan.warnings, "The StatefulSet is made anew"), plan
    assert cluster.get("StatefulSet", work, "db")["metadata"]["uid"] != first["metadata"]["uid"]

    write(env={"A": "3"}, pod={"termination_grace_period": "1s"})
    stack.apply()
    now = cluster.get("StatefulSet", work, "db")["spec"]["template"]
    assert container("s") is None and "command" not in container("db")
    assert {e["name"]: e["value"] for e in container("db")["env"]} == {"A": "3", "THEIRS": "x"}
    assert "note" not in now["metadata"].get("annotations", {})
    stack.destroy()


def test_a_further_claim_gets_to_each_pod_of_a_stateful_set(stack, cluster, front, work):
    """No pod gets a volume while it runs: they are replaced in order, also after a kill in between, or that is said."""
    def claims(*names):
        return {name: {"mount": f"/{name}", "size": "1Gi", "per_replica": True} for name in names}

    def write(*names, quiet=(), wait="none", **more):
        stack.write(service(work, "db", kind="statefulset", replicas=3, claims=claims(*names), **more)
                    + service(work, "all", kind="statefulset", replicas=4, claims=claims(*names), rollout={"pod_management_policy": "Parallel"})
                    + service(work, "quiet", kind="statefulset", claims=claims(*(quiet or names)), wait=wait))

    def volumes(app):
        found = {}
        for pod in cluster.api.list("Pod", work, f"app={app}"):
            found[pod["metadata"]["name"]] = {v["name"] for v in pod["spec"]["volumes"] if "persistentVolumeClaim" in v}
        return found

    def ready(app, count):
        return cluster.get("StatefulSet", work, app)["status"].get("readyReplicas", 0) == count

    write("a")
    stack.apply()
    before = {app: pods(cluster, work, app) for app in ("db", "all", "quiet")}

    # Killed with the first pod replaced and the second about to be.
    write("a", "b", quiet="a")
    front.reset()
    front.on(lambda e: e.method == "DELETE" and e.path.endswith("/pods/db-1"), proxy.Hang(acted=False))
    running = stack.start("apply", "-json", "-input=false", "-auto-approve")
    cluster.api.eventually(lambda: [e for e in front.log() if e.fault == "Hang"] or running.has_ended(), "the second pod's turn")
    assert volumes("db") == {"db-0": {"a", "b"}, "db-1": {"a"}, "db-2": {"a"}}
    cluster.api.eventually(lambda: ready("db", 3), "the first pod, which the second waited for, in the set's status")
    cluster.api.eventually(lambda: set(map(frozenset, volumes("all").values())) == {frozenset("ab")} and ready("all", 4), "the other set")
    running.kill_terraform()
    stack.finish(running)
    cluster.api.eventually(lambda: not stack.provider_processes(), "the provider to follow its terraform")
    front.heal()

    write("a", "b")
    plan = stack.apply()
    assert told(plan.warnings, f"Interrupted: StatefulSet/{work}/db"), plan
    assert f"kubectl delete pod quiet-<replica> -n {work}" in told(plan.applied.warnings, "Pods keep the volumes"), plan.applied
    assert volumes("db") == {f"db-{ordinal}": {"a", "b"} for ordinal in range(3)}
    assert volumes("all") == {f"all-{ordinal}": {"a", "b"} for ordinal in range(4)}
    assert not pods(cluster, work, "db") & before["db"] and not pods(cluster, work, "all") & before["all"]
    assert all(cluster.has("PersistentVolumeClaim", work, f"b-db-{ordinal}") for ordinal in range(3))
    # Nobody was to wait for this one.
    assert pods(cluster, work, "quiet") == before["quiet"]

    # A template that does not start in the same change takes the first pod only, and a correction gets through.
    write("a", "b", "c", wait="rollout", timeouts={"update": "10s"}, pod=QUICK | {"annotations": {"test/crash-loop": "true"}})
    plan = stack.plan()
    assert "one by one" in told(plan.warnings, "The StatefulSet is made anew"), plan
    result = stack.apply(fails=True)
    assert "CrashLoopBackOff" in told(result.errors, "update"), result
    assert "c" not in volumes("db")["db-1"] and "c" not in volumes("db")["db-2"]
    write("a", "b", "c", wait="rollout")
    stack.apply()
    assert volumes("db") == {f"db-{ordinal}": {"a", "b", "c"} for ordinal in range(3)} and ready("db", 3)
    assert pods(cluster, work, "quiet") != before["quiet"]
    stack.destroy()


def test_what_the_server_would_refuse_in_the_apply(stack, cluster, work):
    """Growing what cannot grow, adopting what has other pods: said in the plan, each with the way out. Parked: no error."""
    for kind, name, manager, more in (("Deployment", "old", "somebody", {}),
                                      ("StatefulSet", "set", "kubectl-create", {"serviceName": "set"})):
        labels = {"run": name}
        cluster.api.create({
            "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": work}, "spec": {
                "selector": {"matchLabels": labels}, "template": {
                    "metadata": {"labels": labels}, "spec": {"containers": [{"name": name, "image": "registry.example.org/app:1"}]},
                }} | more}, manager)
    adopted = uid(cluster, "Deployment", work, "old")

    def write(amount="1Gi", selector=None, head=""):
        claims = {"data": {"mount": "/data", "size": amount}}
        stack.write(
            head + service(work, "one", claims=claims)
            + service(work, "many", kind="statefulset", claims={"data": claims["data"] | {"per_replica": True}})
            + service(work, "parked", replicas=0, wait_for_secrets=["never-made"], timeouts=SHORT)
            + (service(work, "old", on_conflict="adopt", force_conflicts=True, selector=selector) if selector != {} else "")
            + (service(work, "set", kind="statefulset", on_conflict="adopt", force_conflicts=True, selector={"run": "set"}) if selector != {} else ""))

    write(selector={})
    stack.apply()
    assert cluster.get("Deployment", work, "parked")["spec"]["replicas"] == 0
    cluster.api.eventually(lambda: pods(cluster, work, "many"), "the pod")
    cluster.api.eventually(lambda: cluster.get("Deployment", work, "old")["status"].get("readyReplicas") == 1, "the other's pod")

    write(amount="2Gi")
    plan = stack.plan(fails=True)
    text = "\n".join(d.text for d in plan.errors)
    for volume in ("one-data", "data-many-0"):
        assert f"PersistentVolumeClaim/{work}/{volume}" in text and "cannot grow" in text, plan
    assert "allowVolumeExpansion" in text and "copy the data over" in text
    # Nor after what goes before it: a replacement would have destroyed the workload by then.
    stack.write(service(work, "one", kind="statefulset", claims={"data": {"mount": "/data", "size": "2Gi"}}))
    (error,) = stack.plan("-target=charon_service.one", fails=True).errors
    assert f"PersistentVolumeClaim/{work}/one-data cannot grow" in error.text and cluster.has("Deployment", work, "one"), error
    # What exists already stops no plan, nor a destroy with it.
    text = told(plan.warnings, "The apply will be unable to create this service")
    assert f"Deployment/{work}/old" in text and "run=old" in text and "app=old" in text and 'selector = { run = "old" }' in text, plan
    # Unchecked, the apply says the same.
    write(head=UNCHECKED)
    result = stack.apply(fails=True)
    assert result.says(f"Deployment/{work}/old", 'selector = { run = "old" }'), result
    assert uid(cluster, "Deployment", work, "old") == adopted

    write(selector={"run": "old"})
    plan = stack.apply()
    assert "spec.serviceName" in told(plan.warnings, "The StatefulSet is made anew") or plan.actions.get("charon_service.set") is None
    assert uid(cluster, "Deployment", work, "old") == adopted
    assert cluster.get("StatefulSet", work, "set")["spec"]["serviceName"] == "set-headless"
    stack.destroy()


# --- Data -----------------------------------------------------------------------------------------


def test_data_stays_unless_it_is_said_that_it_goes(stack, cluster, front, work):
    """Of a service whose state cannot be rendered any more, after an update that failed, one value of several."""
    sizes = 'provider "charon" {\n  conventions = { sizes = { small = { requests = { memory = "16Mi" } } } }\n}\n'
    claims = {"data": {"mount": "/data", "size": "1Gi"}}
    secrets = {"KEPT": {}, "OTHER": {}}

    def web(**more):
        return service(work, "web", **({"resources": {"size": "small"}, "claims": claims, "generated_secrets": secrets,
                                        "ports": {"http": 8080}, "files": {"/etc/a": {"content": "1"}},
                                        "expose": {"out": {"host": "a.example.org", "auth": "none", "auth_reason": "a test"}}} | more))

    def db(**more):
        return service(work, "db", **({"claims": claims, "generated_secrets": secrets, "timeouts": SHORT} | more))

    def values(name):
        return cluster.get("Secret", work, f"{name}-generated")["data"]

    stack.write(sizes + web() + db())
    stack.apply()
    made = {name: (uid(cluster, "PersistentVolumeClaim", work, f"{name}-data"), values(name)) for name in ("web", "db")}

    # Dropped in an update that fails before it comes to that, then in one that does not.
    dropped = {"claims": None, "generated_secrets": None}
    stack.write(sizes + web(generated_secrets={"KEPT": {}}) + db(pod=QUICK | BROKEN, **dropped))
    result = stack.apply(fails=True)
    assert f"value OTHER of Secret/{work}/web-generated" in told(result.warnings, "Data was kept"), result
    stack.write(sizes + web(generated_secrets={"KEPT": {}}) + db(**dropped))
    kept = told(stack.apply().applied.warnings, "Data was kept")
    assert f"PersistentVolumeClaim/{work}/db-data" in kept and f"Secret/{work}/db-generated" in kept, kept
    env = cluster.get("Deployment", work, "web")["spec"]["template"]["spec"]["containers"][0]["env"]
    assert [one["name"] for one in env] == ["KEPT"]
    # Declared again, all of it is as it was.
    stack.write(sizes + web() + db())
    stack.apply()
    assert made == {name: (uid(cluster, "PersistentVolumeClaim", work, f"{name}-data"), values(name)) for name in made}

    # Without what its rendering needs.
    stack.write(db())
    front.reset()
    kept = told(stack.apply().applied.warnings, "Data was kept")
    assert f"PersistentVolumeClaim/{work}/web-data" in kept and f"Secret/{work}/web-generated" in kept, kept
    assert values("web") == made["web"][1]
    gone = [e.path.rsplit("/", 2)[1] for e in front.writes() if e.method == "DELETE"]
    assert gone == ["ingresses", "services", "deployments", "configmaps"], "the way in goes first"

    # One value only, where it is said that it may go: the plan tells.
    stack.write(db(delete_data=True))
    stack.apply()
    stack.write(db(delete_data=True, generated_secrets={"KEPT": {}}, claims=None))
    plan = stack.apply()
    goes = told(plan.warnings, "Data will be deleted")
    assert f"PersistentVolumeClaim/{work}/db-data" in goes and f"value OTHER of Secret/{work}/db-generated" in goes, plan
    assert values("db") == {"KEPT": made["db"][1]["KEPT"]} and not cluster.has("PersistentVolumeClaim", work, "db-data")
    stack.destroy()
    assert not cluster.has("Secret", work, "db-generated")


def test_a_plan_says_what_stays_behind(stack, cluster, work):
    """A claim under another key, one that goes, a service under another name: the pods start empty, and the data stays."""
    def claims(*names, **more):
        return {name: {"mount": f"/{name}", "size": "1Gi"} | more for name in names}

    def write(one=("config", "media"), name="one", each=("data",), **more):
        stack.write(hcl.resource("charon_service", "one", {"namespace": work, "name": name, "image": "registry.example.org/app:1", "pod": QUICK,
                                                           "claims": claims(*one)} | more)
                    + service(work, "many", kind="statefulset", claims=claims(*each, per_replica=True)))

    def said(summary):
        plan = stack.plan()
        found = [d for d in plan.warnings if summary in d.summary]
        return {d.address: d.text for d in found}

    write()
    stack.apply()
    empty, kept = "The pods start on an empty volume", "Data is kept"

    write(one=("cfg", "films"), each=("db",))
    texts = said(empty)
    assert set(texts) == {"charon_service.one", "charon_service.many"}  # once each
    for claim in ("one-config", "one-media", "one-cfg", "one-films"):
        assert f"PersistentVolumeClaim/{work}/{claim}" in texts["charon_service.one"], texts
    assert "existing_claim" in texts["charon_service.one"] and "former key" in texts["charon_service.one"]
    assert f"{work}/data-many-<replica>" in texts["charon_service.many"] and f"{work}/db-many-<replica>" in texts["charon_service.many"]
    assert "existing_claim" not in texts["charon_service.many"]
    write(one=("cfg", "media"), delete_data=True)
    assert f"empty volumes instead: - PersistentVolumeClaim/{work}/one-cfg" in said("Data will be deleted")["charon_service.one"]

    write(name="uno")
    text = said(empty)["charon_service.one"]
    assert "former name" in text and f"{work}/one-config" in text and f"{work}/uno-config" in text, text

    # Nothing new: what goes is not deleted.
    write(one=("config",))
    assert said(empty) == {}
    text = said(kept)["charon_service.one"]
    assert f"PersistentVolumeClaim/{work}/one-media" in text and "one-config" not in text, text
    stack.apply()
    assert said(kept) == {}
    # And it is what the pods go on with.
    write(one=("media",))
    assert said(empty) == {} and "one-config" in said(kept)["charon_service.one"]
    stack.destroy()


def test_a_namespace_that_kept_data_holds(stack, cluster, names):
    """The plan of a destroy says that data stays; the namespace's error whose data it is, and a way that needs no service."""
    name = names("n")
    namespace = hcl.resource("charon_tier_namespace", "ns", {"name": name, "tier": "edge"})
    claims = {"data": {"mount": "/data", "size": "1Gi"}}

    def write(**more):
        stack.write(namespace + hcl.resource("charon_service", "web", {
            "namespace": hcl.Expression("charon_tier_namespace.ns.name"), "name": "web", "image": "registry.example.org/app:1", "pod": QUICK,
            "claims": claims, "wait": "none"} | more))

    write()
    stack.apply()
    plan = stack.plan("-destroy")
    (warning,) = [w for w in plan.warnings if "Data is kept" in w.summary]
    assert f"PersistentVolumeClaim/{name}/web-data" in warning.text and "delete_data = true" in warning.text, plan
    result = stack.destroy(fails=True)
    assert result.says(f"kubectl delete -n {name} PersistentVolumeClaim/web-data", "delete_data", "delete_contents"), result
    # What it says is enough.
    cluster.api.delete("PersistentVolumeClaim", name, "web-data")
    stack.destroy()
    assert not cluster.has("Namespace", None, name)

    write(delete_data=True)
    stack.apply()
    assert stack.plan("-destroy").warnings == []
    stack.destroy()


def test_a_namespace_that_claims_of_replicas_hold(stack, cluster, names):
    """Their set's controller made them, so that no mark says whose they are: their labels do."""
    name = names("n")
    stack.write(hcl.resource("charon_tier_namespace", "ns", {"name": name, "tier": "edge"}))
    stack.apply()
    stack.write(hcl.resource("charon_tier_namespace", "ns", {"name": name, "tier": "edge"}) + hcl.resource("charon_service", "web", {
        "namespace": hcl.Expression("charon_tier_namespace.ns.name"), "name": "web", "image": "registry.example.org/app:1", "pod": QUICK,
        "kind": "statefulset", "claims": {"data": {"mount": "/data", "size": "1Gi", "per_replica": True}}}))
    stack.apply()
    result = stack.destroy(fails=True)
    delete = f"kubectl delete -n {name} PersistentVolumeClaim/data-web-0"
    assert result.says(delete, "PersistentVolumeClaim/data-web-0 (app=web)", "delete_data", "StatefulSet"), result
    cluster.api.delete("PersistentVolumeClaim", name, "data-web-0")
    stack.destroy()
    assert not cluster.has("Namespace", None, name)


def test_node_ports_that_another_name_takes(stack, cluster, work, names):
    """The entry of `expose`, or the service, that has them goes in the same apply, before."""
    first = 31000 + sum(map(ord, work)) % 1500

    def write(key="out", name="web", port=first, **more):
        exposed = {key: {"nodeport": {"ports": ["http"], "node_ports": {"http": port}}}}
        stack.write(hcl.resource("charon_service", "web", {"namespace": work, "name": name, "image": "registry.example.org/app:1", "pod": QUICK,
                                                           "ports": {"http": 8080}, "expose": exposed, "wait": "none"} | more))

    def holder():
        found = [s["metadata"]["name"] for s in cluster.api.list("Service", work)
                 if any(p.get("nodePort") == first for p in s["spec"]["ports"])]
        assert len(found) == 1, found
        return found[0]

    write()
    stack.apply()
    before = holder()
    write(key="outside")
    assert stack.apply().actions == {"charon_service.web": "update"}
    renamed = holder()
    assert renamed != before
    write(key="outside", name="site")
    assert stack.apply().actions == {"charon_service.web": "replace"}
    assert holder() not in (before, renamed)
    # Of somebody else it is refused, where the server does.
    cluster.api.create({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "theirs", "namespace": work}, "spec": {
        "type": "NodePort", "ports": [{"name": "http", "port": 80, "nodePort": first + 1}]}})
    write(key="again", name="site", port=first + 1)
    if cluster.kind == "real":
        assert stack.plan(fails=True).says("provided port is already allocated")
    write(key="outside", name="site")
    stack.destroy()


def test_a_replacement_takes_the_data_along(stack, cluster, work):
    """Another selector or kind with delete_data, although the workload is deleted; a claim that would become another one."""
    claims = {"data": {"mount": "/data", "size": "1Gi"}}
    each = {"data": claims["data"] | {"per_replica": True}}

    def write(kind=None, one=claims, many=each, labelled=False):
        def selector(name):
            return {"app.kubernetes.io/instance": name} if labelled else None

        stack.write(service(work, "one", claims=one, generated_secrets={"PASSWORD": {}}, delete_data=True,
                            kind=kind, selector=selector("one"))
                    + service(work, "many", kind="statefulset", claims=many, delete_data=True, selector=selector("many")))

    def data():
        return [(cluster.get(*ref)["metadata"]["uid"], cluster.get(*ref).get("data")) for ref in (
            ("PersistentVolumeClaim", work, "one-data"), ("Secret", work, "one-generated"),
            ("PersistentVolumeClaim", work, "data-many-0"))]

    write()
    stack.apply()
    before = data()
    for change, replaced in (({"labelled": True}, {"one", "many"}), ({"labelled": True, "kind": "statefulset"}, {"one"})):
        write(**change)
        plan = stack.apply()
        assert plan.actions == {f"charon_service.{name}": "replace" for name in replaced}
        assert told(plan.warnings, "Data") == told(plan.applied.warnings, "Data") == ""
        assert data() == before

    # From one claim to one for each replica, and back: these are others, and the database would start empty.
    write(labelled=True, kind="statefulset", one=each, many=claims)
    plan = stack.plan(fails=True)
    text = "\n".join(d.text for d in plan.errors)
    for old, new in (("one-data", "data-one-<replica>"), ("data-many-<replica>", "many-data")):
        assert f"PersistentVolumeClaim/{work}/{old}" in text and f"PersistentVolumeClaim/{work}/{new}, which is empty" in text, plan
    assert "copy the data over" in text and data() == before

    # Gone with its entry: that is said, also of claims that no map shows.
    write(labelled=True, kind="statefulset", many=None)
    plan = stack.apply()
    assert f"PersistentVolumeClaim/{work}/data-many-<replica>" in told(plan.warnings, "Data will be deleted"), plan
    cluster.api.eventually(lambda: not cluster.has("PersistentVolumeClaim", work, "data-many-0"), "the claim to go")
    # A plain destroy still takes it all.
    assert stack.destroy().warnings == []
    assert not cluster.has("PersistentVolumeClaim", work, "one-data") and not cluster.has("Secret", work, "one-generated")


def test_the_data_of_a_replacement_that_is_not_made(stack, cluster, front, work):
    """The service is gone, and the first thing that the new one needs is refused: the claims are told, and go with it or are taken."""
    claims = {"data": {"mount": "/data", "size": "1Gi"}}
    each = {"data": claims["data"] | {"per_replica": True}}

    def write(label=None):
        stack.write("".join(
            service(work, name, files={"/etc/a": {"content": "1"}}, delete_data=True,
                    selector={"instance": f"{name}-{label}"} if label else None, **more)
            for name, more in (("one", {"claims": claims}), ("many", {"claims": each, "kind": "statefulset"}))))

    def refused(label):
        write(label)
        front.reset()
        front.on(lambda e: e.method == "PATCH" and "/configmaps/" in e.path and not e.is_dry_run,
                 proxy.Answer(403, "Forbidden", "refused by a test"), times=None)
        result = stack.apply(fails=True)
        front.heal()
        return result

    def there():
        return [cluster.has("PersistentVolumeClaim", work, name) and uid(cluster, "PersistentVolumeClaim", work, name)
                for name in ("one-data", "data-many-0")]

    write()
    stack.apply()
    before = there()
    kept = told(refused("a").warnings, "Data was kept")
    for claim in ("one-data", "data-many-<replica>"):
        assert f"PersistentVolumeClaim/{work}/{claim}" in kept and "delete_data = true" in kept, kept
    assert there() == before and all(stack.state().is_tainted(f"charon_service.{name}") for name in ("one", "many"))
    # Again, and then it is made: with the data that there was.
    refused("a")
    assert there() == before
    write("a")
    stack.apply()
    assert there() == before and stack.plan().actions == {}
    # Or it is given up.
    refused("b")
    stack.destroy()
    cluster.api.eventually(lambda: there() == [False, False], "the claims to go")


def test_the_data_of_a_replacement_of_which_one_half_was_done(stack, cluster, work):
    """What only the new service needs fails beside: the old one is gone, no create was asked for, and the next apply takes its claim."""
    fails = 'resource "terraform_data" "needed" {\n  provisioner "local-exec" {\n    command = "false"\n  }\n}\n'

    def write(**more):
        stack.write(service(work, "one", claims={"data": {"mount": "/data", "size": "1Gi"}}, delete_data=True, **more)
                    + (fails if "depends_on" in more else ""))

    write()
    stack.apply()
    before = uid(cluster, "PersistentVolumeClaim", work, "one-data")
    write(selector={"instance": "one"}, depends_on=hcl.Expression("[terraform_data.needed]"))
    stack.apply(fails=True)
    assert "charon_service.one" not in stack.state().resources and not cluster.has("Deployment", work, "one")
    assert uid(cluster, "PersistentVolumeClaim", work, "one-data") == before
    write(selector={"instance": "one"})
    stack.apply()
    assert uid(cluster, "PersistentVolumeClaim", work, "one-data") == before
    assert stack.destroy().warnings == []
    cluster.api.eventually(lambda: not cluster.has("PersistentVolumeClaim", work, "one-data"), "the claim to go with the service")


def test_a_volume_by_the_name_of_a_claim_that_is_there(stack, cluster, work):
    """A claim keeps its volume: an export by the same name, or a claim by that of an export, has another way out."""
    claims = {"data": {"mount": "/data", "size": "1Gi"}}
    nfs = {"data": {"mount": "/data", "nfs": {"path": "/x", "server": "192.0.2.1"}}}

    def refused(attribute, *pieces, **more):
        stack.write(service(work, "web", **more))
        plan = stack.plan()
        text = told(plan.warnings, "The apply will be unable to")
        assert all(piece in text for piece in (f"PersistentVolumeClaim/{work}/web-data exists already", *pieces)), plan
        assert told(plan.warnings, "Another manager owns") == ""
        result = stack.apply(fails=True)
        assert result.says(*pieces) and all(attribute in e.code for e in result.errors), result

    stack.write(service(work, "web", claims=claims))
    stack.apply()
    delete = f"kubectl delete persistentvolumeclaim web-data -n {work}"
    refused("volumes", "from an entry of \"claims\"", "another name", delete, volumes=nfs)
    stack.write(service(work, "web"))
    stack.apply()
    refused("volumes", delete, volumes=nfs)
    stack.destroy()
    refused("volumes", delete, volumes=nfs)
    # As it says.
    stack.write(service(work, "web"))
    stack.apply()
    cluster.api.delete("PersistentVolumeClaim", work, "web-data")
    cluster.api.eventually(lambda: not cluster.has("PersistentVolumeClaim", work, "web-data"), "the claim to go")
    stack.write(service(work, "web", volumes=nfs, wait="none"))
    stack.apply()
    refused("claims", "for the NFS export", "apply once without it", claims=claims)
    stack.write(service(work, "web"))
    stack.apply()
    stack.write(service(work, "web", claims=claims))
    stack.apply()
    stack.destroy()


def test_what_pods_go_on_using_is_deleted_without_a_wait(stack, cluster, work):
    """Where nobody replaces the pods, or nobody is to wait for it: the claim and its volume go when the last pod has gone."""
    nfs = {"media": {"mount": "/media", "nfs": {"path": "/x", "server": "192.0.2.1"}}}
    shared = {"cache": {"mount": "/cache", "size": "1Gi", "access_modes": ["ReadWriteMany"]}}
    own = {"own": {"mount": "/own", "size": "1Gi", "per_replica": True}}
    short = {"update": "20s", "create": "20s"}

    def write(quick=None, lazy=None):
        stack.write(service(work, "quick", delete_data=True, wait="none", timeouts=short,
                            **(quick or {"volumes": nfs, "claims": shared, "rollout": {"strategy": "RollingUpdate"}}))
                    + service(work, "lazy", kind="statefulset", delete_data=True, rollout={"strategy": "OnDelete"}, timeouts=short,
                              **({"volumes": nfs, "claims": shared | own} if lazy is None else lazy)))

    def there(name):
        return {k for k in (f"PersistentVolumeClaim/{work}/{name}-cache", f"PersistentVolumeClaim/{work}/{name}-media",
                            f"PersistentVolume/{work}-{name}-media", f"PersistentVolumeClaim/{work}/own-{name}-0")
                if cluster.get(k.split("/")[0], k.split("/")[1] if k.count("/") == 2 else None, k.split("/")[-1])}

    def running(name):
        return [p for p in cluster.api.list("Pod", work, f"app={name}") if p["status"].get("phase") == "Running"]

    write()
    stack.apply()
    cluster.api.eventually(lambda: running("quick") and running("lazy"), "the pods")
    kept = {name: there(name) for name in ("quick", "lazy")}
    assert [len(kept[name]) for name in ("quick", "lazy")] == [3, 4]

    # The new pods of the first one do not start, and nobody deletes those of the other.
    write(quick={"pod": QUICK | BROKEN, "rollout": {"strategy": "RollingUpdate"}}, lazy={})
    result = stack.apply().applied
    quick, lazy = (next(d.text for d in result.warnings if "Deleted once" in d.summary and f"{work}/{name}-cache" in d.text) for name in kept)
    assert all(key in quick for key in kept["quick"]) and 'wait = "none"' in quick and f"Pod/{work}/quick-" in quick, quick
    assert all(key in lazy for key in kept["lazy"]) and "OnDelete" in lazy and "kubectl delete pod" in lazy and f"Pod/{work}/lazy-0" in lazy, lazy
    assert {name: there(name) for name in kept} == kept and running("quick") and running("lazy")
    stack.expect_empty()

    # Nothing can be made under these names meanwhile, nor does a search for leftovers wait for them.
    write(quick={"rollout": {"strategy": "RollingUpdate"}}, lazy={"claims": {"cache": shared["cache"]}})
    plan = stack.plan()
    assert "lazy-cache is being deleted" in told(plan.warnings, "A claim is being deleted"), plan
    result = stack.apply(fails=True)
    assert result.says("lazy-cache is being deleted", f"kubectl delete pod lazy-0 -n {work}", "claims"), result
    cluster.api.eventually(lambda: not there("quick"), "what the first one's pods used")

    cluster.api.send("DELETE", cluster.api.resource("Pod").path(work, "lazy-0"))
    cluster.api.eventually(lambda: not there("lazy"), "what the other one's pod used")
    stack.apply()
    assert there("lazy") == {f"PersistentVolumeClaim/{work}/lazy-cache"}
    stack.destroy()
    assert not there("lazy") and not there("quick")


def test_a_backup_without_a_claim_to_write_to(stack, cluster, work):
    def write(to, **more):
        stack.write(service(work, "web", claims={"data": {"mount": "/data", "size": "1Gi"}}, backups={
            "night": {"schedule": "@daily", "command": ["save"], "to": to}}, **more))

    summary = "A backup has nothing to write to"
    write("dta")
    plan = stack.plan()
    (warning,) = [w for w in plan.warnings if w.summary == summary]
    assert 'backups["night"].to' in warning.text and f'amespace {work} has no PersistentVolumeClaim "dta"' in warning.text, warning
    assert 'only "data"' in warning.text and "backups" in warning.code
    stack.apply()
    # Told when it comes, not with every plan.
    write("dta", labels={"a": "b"})
    write("data")
    assert told(stack.apply().warnings, summary) == ""
    write("web-data")
    assert told(stack.apply().warnings, summary) == ""
    assert stack.plan().actions == {}
    stack.destroy()


# --- What a create left ---------------------------------------------------------------------------


def test_a_create_that_failed_leaves_nothing_behind(stack, cluster, work, names):
    """Tainted, and killed before state had it: what the corrected configuration does not have goes, also far away."""
    make_namespace(cluster, names("far"))
    hidden = 'variable "hidden" {\n  type      = string\n  ephemeral = true\n  default = "x"\n}\n'

    def everything(name):
        return {
            "env_wo": {"TOKEN": hcl.Expression("var.hidden")}, "env_wo_version": "1", "generated_secrets": {"PASSWORD": {}},
            "claims": {"data": {"mount": "/data", "size": "1Gi"}}, "files": {"/etc/a": {"content": "1"}},
            "volumes": {"media": {"mount": "/media", "nfs": {"path": "/x", "server": "192.0.2.1"}}},
            "identity": {"rules": [RULE], "cluster_rules": [RULE], "namespace_rules": {names("far"): RULES}},
            "labels": {"app.kubernetes.io/name": f"{name}-of-a-label"}, "timeouts": SHORT,
        }

    def left(name):
        whole = [("ClusterRole", None, f"{work}-{name}"), ("ClusterRoleBinding", None, f"{work}-{name}"),
                 ("Role", names("far"), f"{work}-{name}"), ("RoleBinding", names("far"), f"{work}-{name}"),
                 ("PersistentVolume", None, f"{work}-{name}-media"), ("PersistentVolumeClaim", work, f"{name}-media"),
                 ("Role", work, name), ("RoleBinding", work, name), ("ServiceAccount", work, name),
                 ("Secret", work, f"{name}-env"), ("ConfigMap", work, f"{name}-files")]
        return {ref for ref in whole if cluster.has(*ref)}

    # "early" fails before there is anything that the corrected configuration has.
    early = service(work, "early", claims={"data": {"mount": "/data", "size": "1Gi", "storage_class": "NOT A NAME"}},
                    files={"/etc/a": {"content": "1"}})
    stack.write(UNCHECKED + hidden + service(work, "failed", **everything("failed") | {"pod": QUICK | BROKEN})
                + service(work, "killed", **everything("killed")) + early)
    result = stack.apply(fails=True)
    assert {e.address for e in result.errors} >= {"charon_service.failed", "charon_service.early"}, result
    assert stack.state().is_tainted("charon_service.failed") and stack.state().is_tainted("charon_service.early")
    assert len(left("failed")) == len(left("killed")) == 11 and cluster.has("ConfigMap", work, "early-files")
    deployment = uid(cluster, "Deployment", work, "failed")
    # As if the run had been killed before it told: state knows nothing of it.
    stack.run("state", "rm", "charon_service.killed")

    # One of them with other pods, which no workload can change to.
    stack.write(service(work, "failed") + service(work, "early")
                + service(work, "killed", selector={"app.kubernetes.io/instance": "killed"}))
    plan = stack.apply()
    assert f"Deployment/{work}/killed" in told(plan.warnings, "The workload is made anew"), plan
    cluster.api.eventually(lambda: pods(cluster, work, "killed") == set(), "the pods to go")
    kept = told(plan.applied.warnings, "Data was kept")
    assert left("failed") == left("killed") == set() and not cluster.has("ConfigMap", work, "early-files")
    for name in ("failed", "killed"):
        assert f"PersistentVolumeClaim/{work}/{name}-data" in kept and f"Secret/{work}/{name}-generated" in kept, kept
        assert cluster.has("PersistentVolumeClaim", work, f"{name}-data") and cluster.has("Secret", work, f"{name}-generated")
    assert uid(cluster, "Deployment", work, "failed") == deployment
    stack.destroy()
