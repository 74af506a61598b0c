"""charon_service after an apply that failed or was killed in the middle, or after somebody else's hands on what only it writes: what was
not done is done by the next apply, and what no state knows of does not stay."""

import base64
import json

import pytest

from harness import hcl, proxy

pytestmark = [
    pytest.mark.one_cli("about the provider and the server; where programs differ, lifecycle_test.py and examples_test.py meet it"),
    pytest.mark.thorough("goes deep where others go broad"),
]

QUICK = {"termination_grace_period": "1s"}
NEVER = QUICK | {"annotations": {"test/never-ready": ""}}
CRASHES = QUICK | {"annotations": {"test/crash-loop": "true"}}


def service(namespace, name, **more):
    attributes = {"namespace": namespace, "name": name, "image": "registry.example.org/app:1", "pod": QUICK} | more
    return hcl.resource("charon_service", name, {k: v for k, v in attributes.items() if v is not None})


def value(cluster, namespace, secret, key):
    return base64.b64decode(cluster.get("Secret", namespace, secret)["data"][key]).decode()


def told(diagnostics, text):
    return [d for d in diagnostics if text in d.text]


def test_what_a_failed_update_has_not_done(stack, cluster, work):
    """Secrets behind what failed, a rollout that was not reached, pods that a StatefulSet would never replace."""

    def write(version, text, force=None, stuck=QUICK, set_=QUICK):
        stack.write(
            service(work, "keys", files={"/etc/a": {"content": text}}, env_wo={"TOKEN": f"value-{version}-8d21"}, env_wo_version=version,
                    generated_secrets={"KEY": {"rotation_trigger": version}}, force_conflicts=force)
            + service(work, "stuck", pod=stuck, timeouts={"update": "8s"})
            + service(work, "set", kind="statefulset", service={"name": "db"}, ports={"sql": 5432}, pod=set_))

    write("1", "a")
    stack.apply()
    assert cluster.get("StatefulSet", work, "set")["spec"]["serviceName"] == "set-headless"
    assert cluster.get("Service", work, "set-headless")["spec"]["clusterIP"] == "None"
    key = value(cluster, work, "keys-generated", "KEY")
    cluster.api.patch("ConfigMap", work, "keys-files", {"data": {"etc_a": "x"}}, manager="bob")

    write("2", "b", stuck=NEVER, set_=CRASHES)
    result = stack.apply(fails=True)
    assert told(result.errors, "belongs to bob") and told(result.errors, "Deployment/") and told(result.errors, "CrashLoopBackOff"), result
    assert value(cluster, work, "keys-env", "TOKEN") == "value-1-8d21"
    # What was refused was not written; what is not ready is not done.
    assert stack.state()["charon_service.keys"]["objects"][f"ConfigMap/{work}/keys-files"] != "unfinished"
    assert stack.state()["charon_service.stuck"]["objects"][f"Deployment/{work}/stuck"] == "unfinished"

    # The same again is no success, and what failed before the Secrets is done now.
    write("2", "b", force=True, stuck=NEVER)
    result = stack.apply(fails=True)
    (error,) = result.errors
    assert "stuck is not ready" in error.text, result
    assert value(cluster, work, "keys-env", "TOKEN") == "value-2-8d21"
    assert value(cluster, work, "keys-generated", "KEY") != key
    assert cluster.get("StatefulSet", work, "set")["status"]["readyReplicas"] == 1

    write("2", "b", force=True)
    stack.apply()
    stack.destroy()


def test_an_update_that_was_killed_and_taken_back(stack, cluster, work, names):
    """The state of before is what a killed Terraform leaves."""
    more = {"image": "registry.example.org/app:2", "env": {"NEW": "1"}, "files": {"/etc/a": {"content": "x"}},
            "identity": {"cluster_rules": [{"resources": ["secrets"], "verbs": ["get"]}]}}
    role = ("ClusterRole", None, f"{work}-web")

    def killed():
        before = stack.state().document
        stack.write(service(work, "web", **more))
        stack.apply()
        assert cluster.get(*role)
        stack.write(service(work, "web"))
        stack.write_file("terraform.tfstate", json.dumps(before))

    stack.write(service(work, "web"))
    stack.apply()
    killed()
    plan = stack.apply()
    assert told(plan.warnings, "an apply was killed"), plan
    (container,) = cluster.get("Deployment", work, "web")["spec"]["template"]["spec"]["containers"]
    assert "env" not in container and "volumeMounts" not in container
    for ref in (role, ("ConfigMap", work, "web-files"), ("ServiceAccount", work, "web")):
        assert not cluster.has(*ref), ref

    killed()
    stack.destroy()
    for ref in (role, ("ConfigMap", work, "web-files"), ("ServiceAccount", work, "web")):
        assert not cluster.has(*ref), ref


def kill_at(stack, cluster, front, text):
    """Runs an apply and kills terraform when the first write about that text has been done and not been answered."""
    front.reset()
    front.on(lambda e: e.is_write and not e.is_dry_run and text in e.target, proxy.Hang(acted=True))
    running = stack.start("apply", "-json", "-input=false", "-auto-approve")
    cluster.api.eventually(lambda: [e for e in front.log() if e.fault == "Hang"] or running.has_ended(), f"the write of {text}")
    running.kill_terraform()
    stack.finish(running)
    cluster.api.eventually(lambda: not stack.provider_processes(), "the provider to follow its terraform")
    front.heal()


def test_objects_that_an_update_only_added(stack, cluster, front, work):
    """Nothing that the state knows of is another one then: the workload notes that there is more, before the first of them."""
    ports = {"ports": {"http": 8080}}
    more = {"expose": {"lb": {"loadbalancer": {}}}, "disruption_budget": {"max_unavailable": "1"}, "network_policy": {"from_cidrs": ["10.0.0.0/8"]}}
    added = [("Service", work, "web-lb"), ("PodDisruptionBudget", work, "web"), ("NetworkPolicy", work, "web")]

    def write(**more):
        stack.write(service(work, "web", **ports, **more))

    def killed(**more):
        write(**more)
        kill_at(stack, cluster, front, "/services/web-lb")
        assert all(cluster.has(*ref) for ref in added)

    write()
    stack.apply()
    killed(**more)
    write()
    plan = stack.apply()
    assert told(plan.warnings, f"Interrupted: Deployment/{work}/web"), plan
    assert not any(cluster.has(*ref) for ref in added)

    # The same again; the other way round with what is there; a state of before, as a backend that was not written to keeps it.
    killed(**more)
    write(**more)
    assert stack.apply().warnings
    before = stack.state().document
    write(expose={"np": {"nodeport": {}}}, **{k: v for k, v in more.items() if k != "expose"})
    assert not stack.apply().warnings
    assert not cluster.has(*added[0]) and cluster.has("Service", work, "web-np")
    stack.write_file("terraform.tfstate", json.dumps(before))
    write(**more)
    assert told(stack.apply().warnings, "Interrupted")
    assert cluster.has(*added[0]) and not cluster.has("Service", work, "web-np")

    # What was refused left nothing, and is no interruption.
    front.reset()
    front.on(lambda e: e.is_write and not e.is_dry_run and "/services/web-np" in e.target, proxy.Answer(403, "Forbidden", "not this one"))
    write(**more | {"expose": {"lb": {"loadbalancer": {}}, "np": {"nodeport": {}}}})
    assert stack.apply(fails=True).says("not this one")
    front.heal()
    write(**more)
    assert not stack.apply().warnings

    # Nor is what somebody else took away, whether the configuration goes on having it or not, and whoever has seen it before.
    cluster.api.delete("NetworkPolicy", work, "web")
    stack.run("apply", "-refresh-only", "-auto-approve")
    assert not told(stack.plan().warnings, "Interrupted")
    cluster.api.delete("Service", work, "web-lb")
    write(**{k: v for k, v in more.items() if k != "expose"})
    assert not stack.apply().warnings
    assert not stack.plan().warnings and stack.plan().actions == {}
    write(**more)
    assert not stack.apply().warnings
    assert all(cluster.has(*ref) for ref in added)

    # Nobody searches without a reason.
    front.reset()
    stack.destroy()
    assert not [e for e in front.log() if "clusterroles" in e.path]
    write()
    stack.apply()
    killed(**more)
    write()
    stack.destroy()
    assert not any(cluster.has(*ref) for ref in added) and not cluster.has("Service", work, "web")


def test_a_state_that_was_lost(stack, cluster, work):
    """An import finds all that has the service's mark: the plan tells what the configuration does not have, and nothing stays."""
    rules = [{"resources": ["nodes"], "verbs": ["list"]}]
    more = {"expose": {"lb": {"loadbalancer": {}}}, "disruption_budget": {"max_unavailable": "1"}, "identity": {"cluster_rules": rules}}
    rest = [("Service", work, "web-lb"), ("PodDisruptionBudget", work, "web"), ("ServiceAccount", work, "web"),
            ("ClusterRole", None, f"{work}-web"), ("ClusterRoleBinding", None, f"{work}-web")]
    ports = {"ports": {"http": 8080}}
    imports = hcl.block("import", {"to": hcl.Expression("charon_service.web"), "id": f"{work}/web"})
    stack.write(service(work, "web", **ports, **more))
    stack.apply()
    made = cluster.get("Deployment", work, "web")["metadata"]

    stack.run("state", "rm", "charon_service.web")
    stack.write(service(work, "web", **ports, **more) + imports)
    stack.apply()
    live = cluster.get("Deployment", work, "web")["metadata"]
    assert (live["uid"], live["generation"]) == (made["uid"], made["generation"]) and all(cluster.has(*ref) for ref in rest)

    stack.run("state", "rm", "charon_service.web")
    stack.write(service(work, "web", **ports) + imports)
    plan = stack.apply()
    (warning,) = told(plan.warnings, "More of this service was found")
    assert all(f"{kind}/" in warning.text for kind, _, _ in rest), warning
    assert not any(cluster.has(*ref) for ref in rest) and cluster.has("Service", work, "web")
    stack.destroy()
    assert not cluster.has("Deployment", work, "web")


def test_generated_values_that_were_made_anew(stack, cluster, front, work):
    """A rotation is done once, and pods never run with a value that is nowhere any more, wherever the apply was killed."""
    secret = ("Secret", work, "web-generated")

    def write(trigger):
        stack.write(service(work, "web", generated_secrets={"KEY": {"rotation_trigger": trigger}, "OTHER": {}}))

    def key():
        return value(cluster, work, "web-generated", "KEY")

    def templates():
        return len(cluster.api.list("ReplicaSet", work, "app=web"))

    def started_with_them():
        """Whether the pods' template is of the values that are there."""
        note = cluster.get(*secret)["metadata"]["annotations"].get("charon.internal/generated")
        made_for = cluster.get("Deployment", work, "web")["spec"]["template"]["metadata"].get("annotations", {})
        return note is None or f"web-generated={json.loads(note)['id']}" == made_for.get("charon.internal/secrets")

    write("1")
    stack.apply()
    assert "charon.internal/generated" not in cluster.get(*secret)["metadata"]["annotations"] and templates() == 1
    first = key()

    # Killed in the rollout, and the same again.
    write("2")
    kill_at(stack, cluster, front, "/deployments/web")
    second = key()
    assert second != first and templates() == 2
    plan = stack.apply()
    assert told(plan.warnings, "Interrupted: Secret/") and key() == second and templates() == 2 and started_with_them(), plan

    # Killed before it, and taken back: the pods get what is there, and the same trigger rotates again.
    write("3")
    kill_at(stack, cluster, front, "/secrets/web-generated")
    third = key()
    assert third != second and templates() == 2 and not started_with_them()
    write("2")
    stack.apply()
    assert key() == third and templates() == 3 and started_with_them()
    write("3")
    stack.apply()
    assert key() not in {second, third} and templates() == 4 and started_with_them()

    # Somebody's own value is nobody's to roll out; what is lost is made anew, and the pods with it.
    other = value(cluster, work, "web-generated", "OTHER")
    cluster.api.patch("Secret", work, "web-generated", {"data": {"OTHER": "eA=="}}, manager="bob")
    stack.apply(checked=False)
    assert value(cluster, work, "web-generated", "OTHER") == "x" != other and templates() == 4
    cluster.api.delete(*secret)
    result = stack.apply()
    assert told(result.applied.warnings, "the pods are rolled out with them") and templates() == 5 and started_with_them()
    cluster.api.patch("Secret", work, "web-generated", {"data": {"KEY": None}}, manager="bob")
    kill_at(stack, cluster, front, "/secrets/web-generated")
    assert templates() == 5 and not started_with_them()
    stack.apply()
    assert templates() == 6 and started_with_them()
    stack.destroy()


def test_hands_on_what_only_the_service_writes(stack, cluster, work):
    """Values of its Secrets, and the mark of who owns its objects."""
    secret = {"env_wo": {"TOKEN": "value-8d21", "OTHER": "other-8d21"}, "env_wo_version": "1"}

    def write(owner="one", **more):
        stack.write(
            f'provider "charon" {{\n  conventions = {{ owner = "{owner}" }}\n}}\n'
            + service(work, "web", **secret, generated_secrets={"KEY": {}}, ports={"http": 80}, **({"expose": {"np": {"nodeport": {}}}} | more))
            + service(work, "gone", generated_secrets={"KEY": {}}, ports={"http": 80}, **more))

    write()
    stack.apply()
    kept = value(cluster, work, "gone-generated", "KEY")
    cluster.api.patch("Secret", work, "web-generated", {"data": {"KEY": None}}, manager="bob")
    cluster.api.patch("Secret", work, "web-env", {"data": {"TOKEN": None, "OTHER": "eA=="}}, manager="bob")
    cluster.api.delete("Secret", work, "gone-generated")
    for kind in ("Service", "Deployment"):
        cluster.api.patch(kind, work, "web", {"metadata": {"annotations": {"charon.internal/owner": None}}}, manager="bob")
    plan = stack.plan()
    for name in ("web-generated", "web-env"):
        assert told(plan.warnings, f"Secret/{work}/{name}"), plan
    for kind in ("Service", "Deployment"):
        assert told(plan.warnings, f"{kind}/{work}/web: It has lost its owner's mark"), plan
    shown = stack.show(plan)
    write(force_conflicts=True)
    result = stack.apply()
    assert [d for d in result.applied.warnings if d.summary == "Generated values were lost"], result.applied
    assert value(cluster, work, "web-env", "TOKEN") == "value-8d21" and value(cluster, work, "web-env", "OTHER") == "other-8d21"
    assert value(cluster, work, "gone-generated", "KEY") != kept and value(cluster, work, "web-generated", "KEY")
    assert "8d21" not in shown
    assert cluster.get("Deployment", work, "web")["metadata"]["annotations"]["charon.internal/owner"].startswith("one/")

    # Somebody marks one by hand; another is not declared any more when the owner changes.
    cluster.api.patch("Service", work, "gone", {"metadata": {"annotations": {"charon.internal/owner": "somebody"}}}, manager="kubectl-annotate")
    write(owner="two", expose={})
    result = stack.plan(fails=True)
    assert told(result.errors, 'on_conflict = "adopt"'), result
    result = stack.destroy(fails=True)
    assert told(result.errors, 'on_conflict = "adopt"') and cluster.has("Deployment", work, "gone"), result
    write(owner="two", on_conflict="adopt", expose={})
    stack.apply()
    for kind, name in (("Deployment", "web"), ("Service", "web"), ("Service", "gone"), ("Secret", "web-env"), ("Secret", "gone-generated")):
        assert cluster.get(kind, work, name)["metadata"]["annotations"]["charon.internal/owner"].startswith("two/"), (kind, name)
    assert not cluster.has("Service", work, "web-np")
    stack.destroy()
    assert not cluster.has("Service", work, "web")


def test_another_name_of_the_field_manager(stack, cluster, work):
    """What was applied under the former name is not left behind when the configuration loses it."""

    def write(manager, **more):
        stack.write(
            f'provider "charon" {{\n  kubernetes = {{ field_manager = "{manager}" }}\n}}\n'
            + service(work, "web", image_owner="external", **more)
            + service(work, "set", kind="statefulset", claims={"data": {"mount": "/data", "size": "1Gi", "per_replica": True}})
            + hcl.resource("charon_kubernetes_manifest", "set", {"manifest": json.dumps(
                {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "text", "namespace": work},
                 "spec": {"replicas": 0, "serviceName": "text", "selector": {"matchLabels": {"app": "text"}},
                          "template": {"metadata": {"labels": {"app": "text"}}, "spec": {"containers": [{"name": "a", "image": "a:1"}]}},
                          "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {
                              "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}]}})})
            + hcl.resource("charon_secret", "s", {"namespace": work, "name": "s", "generate": {"A": {}}}))

    def managers(kind, name):
        return {entry["manager"] for entry in cluster.get(kind, work, name)["metadata"]["managedFields"] if not entry.get("subresource")}

    both = {"env": {"A": "1", "B": "2"}, "sidecars": {"side": {"image": "s:1"}}, "generated_secrets": {"KEY": {}, "OLD": {}}}
    write("charon", **both)
    stack.apply()
    key, old = (value(cluster, work, "web-generated", name) for name in ("KEY", "OLD"))
    made = value(cluster, work, "s", "A")

    write("other", **both)
    stack.expect_empty()
    write("other", env={"A": "1"}, generated_secrets={"KEY": {}})
    plan = stack.apply()
    assert not told(plan.warnings, "owner's mark"), plan
    containers = cluster.get("Deployment", work, "web")["spec"]["template"]["spec"]["containers"]
    assert [(c["name"], [e["name"] for e in c["env"] if "value" in e]) for c in containers] == [("web", ["A"])]
    assert not {"charon", "charon-initial"} & managers("Deployment", "web")
    # Values are data: none is made anew, and what is not declared any more is kept.
    assert [value(cluster, work, "web-generated", name) for name in ("KEY", "OLD")] == [key, old]
    assert value(cluster, work, "s", "A") == made
    stack.expect_empty()
    stack.destroy()
    assert not cluster.has("Deployment", work, "web")
