"""One object and the addresses that declare it: renamed without `moved`, made before what they replace is destroyed,
twice, replaced under the same name, in another version of its group, as a whole or field by field."""

import json

import pytest

from harness import hcl

pytestmark = [
    pytest.mark.one_cli("about the provider and the server; where programs differ, lifecycle_test.py and examples_test.py meet it"),
    pytest.mark.thorough("goes deep where others go broad"),
]

MANIFEST = "charon_kubernetes_manifest"


def manifest(name, object_, *more, **attributes):
    return hcl.resource(MANIFEST, name, {"manifest": json.dumps(object_)} | attributes, *more)


def config_map(namespace, name="x", **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}


def uid(cluster, *ref):
    found = cluster.get(*ref)
    return found and found["metadata"]["uid"]


def staying(cluster, *ref):
    """It is there, and nobody has asked for its deletion."""
    found = cluster.get(*ref)
    return found is not None and "deletionTimestamp" not in found["metadata"]


# --- Renamed ------------------------------------------------------------------------------------


def everything(letter, names, work):
    """Three of each kind of resource, under addresses with that letter."""
    keys = [f"{letter}{i}" for i in range(3)]
    each = hcl.Expression("{ " + ", ".join(f"{k} = \"{i}\"" for i, k in enumerate(keys)) + " }")
    return "".join([
        hcl.resource("charon_tier", letter, {"for_each": each, "name": hcl.Expression(f'"{names("t")}-${{each.value}}"'),
                                             "priority": 1000}),
        hcl.resource("charon_tier_namespace", letter, {
            "for_each": each, "name": hcl.Expression(f'"{names("n")}-${{each.value}}"'),
            "resource_quota": {"pods": "5"}}),
        hcl.resource(MANIFEST, letter, {"for_each": each, "manifest": hcl.Expression(
            f'jsonencode({{ apiVersion = "v1", kind = "ConfigMap", data = {{ a = "1" }}, '
            f'metadata = {{ name = "c${{each.value}}", namespace = "{work}" }} }})')}),
        hcl.resource("charon_secret", letter, {"for_each": each, "namespace": work, "name": hcl.Expression('"s${each.value}"'),
                                               "generate": {"key": {"length": 20}}}),
    ])


def objects_of_everything(names, work):
    for i in range(3):
        yield ("PriorityClass", None, f"tier-{names('t')}-{i}")
        yield ("Namespace", None, f"{names('n')}-{i}")
        yield ("ResourceQuota", f"{names('n')}-{i}", "tier-quota")
        yield ("ConfigMap", work, f"c{i}")
        yield ("Secret", work, f"s{i}")


def test_renamed_addresses_lose_nothing_that_the_state_has(stack, cluster, names, work):
    """Every kind of resource under new addresses, without `moved`: what is removed and what is made are the same
    objects, in whatever order."""
    objects = list(objects_of_everything(names, work))
    stack.write(everything("a", names, work))
    stack.apply()
    assert not [ref for ref in objects if not staying(cluster, *ref)]
    stack.write(everything("b", names, work))
    applied = stack.apply(checked=False).applied
    missing = [ref for ref in objects if not staying(cluster, *ref)]
    assert not missing, (missing, applied.stdout[-3000:])
    assert sorted({address.split("[")[0].split(".")[1] for address in stack.state().resources}) == ["b"]
    stack.expect_empty()
    stack.destroy()


def test_a_run_that_ended_between_the_halves_costs_nothing(stack, cluster, names, work):
    """The new address has everything, and the former one is still in the state: its removal comes with another run."""
    def service(letter):
        return hcl.resource("charon_service", letter, {
            "namespace": work, "name": "web", "image": "registry.example/web:1", "wait": "none", "ports": {"http": 80}, "delete_data": True,
            "files": {"/a": {"content": "x"}}, "claims": {"data": {"size": "1Gi", "mount": "/d"}}, "generated_secrets": {"K": {}}})

    objects = [*objects_of_everything(names, work), *((kind, work, name) for kind, name in (
        ("Deployment", "web"), ("Service", "web"), ("ConfigMap", "web-files"), ("Secret", "web-generated"),
        ("PersistentVolumeClaim", "web-data")))]
    stack.write(everything("a", names, work) + service("a"))
    stack.apply()
    before = [uid(cluster, *ref) for ref in objects]
    stack.write(everything("b", names, work) + service("b"))
    kinds = ("charon_tier", "charon_tier_namespace", MANIFEST, "charon_secret", "charon_service")
    stack.apply(*(f"-target={kind}.b" for kind in kinds), checked=False)
    plan = stack.apply()
    assert set(plan.actions.values()) == {"delete"} and len(plan.actions) == 13, plan.actions
    assert not [ref for ref in objects if not staying(cluster, *ref)]
    assert [uid(cluster, *ref) for ref in objects] == before
    assert sum("Not deleted" in d.summary for d in plan.applied.diagnostics) == 13, plan.applied.diagnostics
    stack.expect_empty()
    stack.destroy()
    assert not [ref for ref in objects if cluster.has(*ref)]


def test_a_service_that_was_replaced_by_one_that_came_first(stack, cluster, work):
    """create_before_destroy, ended between the halves: the former one is still in the state, as a deposed instance."""
    def write(kind):
        stack.write(hcl.resource("charon_service", "x", {
            "namespace": work, "name": "web", "kind": kind, "image": "registry.example/web:1", "wait": "none", "ports": {"http": 80}, "delete_data": True,
            "files": {"/a": {"content": "x"}}, "claims": {"data": {"size": "1Gi", "mount": "/d"}}}, "lifecycle {\n  create_before_destroy = true\n}"))

    write("deployment")
    stack.apply()
    former = json.loads(stack.run("state", "pull").stdout)
    write("statefulset")
    assert stack.apply().actions == {"charon_service.x": "replace"}
    state = json.loads(stack.run("state", "pull").stdout)
    (resource,), (deposed,) = state["resources"], former["resources"][0]["instances"]
    resource["instances"].append(deposed | {"deposed": "0a1b2c3d"})
    (stack.config / "again.json").write_text(json.dumps(state | {"serial": state["serial"] + 1}))
    stack.run("state", "push", str(stack.config / "again.json"))
    refs = [("StatefulSet", work, "web"), ("Service", work, "web"), ("ConfigMap", work, "web-files"), ("PersistentVolumeClaim", work, "web-data")]
    before = [uid(cluster, *ref) for ref in refs]
    assert stack.apply(checked=False).applied.says("Not deleted: another resource has it now")
    assert [uid(cluster, *ref) for ref in refs] == before and all(staying(cluster, *ref) for ref in refs)
    stack.expect_empty()
    stack.destroy()
    cluster.api.eventually(lambda: not [ref for ref in refs if cluster.has(*ref)], "the service to go")


def test_what_comes_first_is_kept(stack, cluster, names, work):
    """create_before_destroy, with an object that keeps its name: the new one takes it, and the old one's removal
    must not. The same where the new one cannot have it but by making it anew."""
    first = "lifecycle {\n  create_before_destroy = true\n}"
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": work}}

    def write(app):
        spec = {"replicas": 0, "selector": {"matchLabels": {"app": app}}, "template": {
            "metadata": {"labels": {"app": app}}, "spec": {"containers": [{"name": "a", "image": "registry.example/web:1"}]}}}
        stack.write(manifest("c", config_map(work, a="1"), first) + manifest("d", deployment | {"spec": spec}, first)
                    + hcl.resource("charon_tier_namespace", "n", {"name": names("n")}, first))

    write("one")
    stack.apply()
    before = [uid(cluster, "ConfigMap", work, "x"), uid(cluster, "Namespace", None, names("n"))]
    cluster.api.create(config_map(names("n"), "theirs"))
    write("two")
    plan = stack.apply(f"-replace={MANIFEST}.c", "-replace=charon_tier_namespace.n")
    assert set(plan.actions.values()) == {"replace"}
    assert before == [uid(cluster, "ConfigMap", work, "x"), uid(cluster, "Namespace", None, names("n"))]
    assert cluster.get("Deployment", work, "web")["spec"]["selector"]["matchLabels"] == {"app": "two"}
    warned = [d for d in plan.applied.diagnostics if d.severity == "warning" and "Not deleted" in d.summary]
    assert warned and "create_before_destroy" in warned[0].text, plan.applied.diagnostics
    cluster.api.delete("ConfigMap", names("n"), "theirs")
    stack.destroy()
    assert not cluster.has("Deployment", work, "web") and not cluster.has("ConfigMap", work, "x")


# --- Twice --------------------------------------------------------------------------------------


def test_an_object_that_is_declared_twice_is_an_error_each_time(stack, cluster, names, work):
    object_ = config_map(work, a="1")
    stack.write(manifest("one", object_) + manifest("two", object_))
    result = stack.apply(fails=True)
    assert result.says("another resource of this configuration"), result
    assert len(stack.state().resources) == 1
    for options in ((), ("-refresh=false",)):
        plan = stack.plan(*options, fails=True)
        assert plan.says("Two resources declare the same Kubernetes object", "Keep one of them"), plan
    (kept,) = (address.split(".")[1] for address in stack.state().resources)
    stack.write(manifest(kept, object_))
    stack.expect_empty()
    stack.destroy()
    assert not cluster.has("ConfigMap", work, "x")


# --- Replaced under the same name ---------------------------------------------------------------


def fixed_objects(work, names, change):
    """Objects with a field that Kubernetes does not change, `change` being 0 or 1."""
    app = {"app": f"a{change}"}
    pods = {"metadata": {"labels": app}, "spec": {"containers": [{"name": "a", "image": "registry.example/web:1"}]}}
    meta = {"name": names("x"), "namespace": work}

    def of(api_version, kind, **more):
        metadata = meta if kind not in ("PriorityClass", "StorageClass") else {"name": names("x")}
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata} | more

    yield of("apps/v1", "Deployment", spec={"replicas": 0, "selector": {"matchLabels": app}, "template": pods})
    yield of("apps/v1", "StatefulSet", spec={"replicas": 0, "serviceName": f"s{change}",
                                              "selector": {"matchLabels": app}, "template": pods})
    yield of("batch/v1", "Job", spec={"suspend": True, "completions": 1 + change, "template": {
        "spec": pods["spec"] | {"restartPolicy": "Never"}}})
    yield of("rbac.authorization.k8s.io/v1", "RoleBinding", subjects=[], roleRef={
        "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": f"r{change}"})
    yield of("v1", "PersistentVolumeClaim", spec={"accessModes": ["ReadWriteOnce"], "storageClassName": f"none-{change}",
                                                  "resources": {"requests": {"storage": "1Gi"}}})
    yield of("scheduling.k8s.io/v1", "PriorityClass", value=100 + change)
    yield of("storage.k8s.io/v1", "StorageClass", provisioner=f"example.org/p{change}")
    yield of("v1", "ConfigMap", immutable=True, data={"a": str(change)})


@pytest.mark.each_cli("without a refresh OpenTofu's plan looks like the one at apply")
def test_an_immutable_field_is_a_replacement_in_the_plan_and_in_the_apply(stack, cluster, names, work):
    for change, options in ((0, ()), (1, ()), (2, ("-refresh=false",))):
        objects = list(fixed_objects(work, names, change))
        if cluster.kind == "sandbox":  # it does not know that these are immutable
            objects = [o for o in objects if o["kind"] not in ("Job",)]
        stack.write("".join(manifest(o["kind"].lower(), o) for o in objects))
        before = {o["kind"]: uid(cluster, o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]) for o in objects}
        plan = stack.apply(*options)
        assert set(plan.actions.values()) == {"replace" if change else "create"}, plan.actions
    for o in objects:
        assert uid(cluster, o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]) not in (None, before[o["kind"]]), o
    stack.destroy()


@pytest.mark.each_cli("without a refresh OpenTofu's plan looks like the one at apply")
def test_what_is_added_or_left_out_is_a_replacement_where_it_cannot_change(stack, cluster, names, work):
    pods = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "registry.example/web:1"}]}}
    claims = {"volumeClaimTemplates": [{"metadata": {"name": "d"}, "spec": {
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}]}

    def write(of_set, of_service):
        stack.write(manifest("set", {
            "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "x", "namespace": work},
            "spec": {"replicas": 0, "serviceName": "x", "selector": {"matchLabels": {"a": "b"}}, "template": pods} | of_set})
            + manifest("svc", {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x", "namespace": work},
                               "spec": {"selector": {"a": "b"}, "ports": [{"port": 80}]} | of_service}))

    write({}, {"clusterIP": "None"})
    stack.apply()
    write(claims, {})
    if cluster.kind == "sandbox":  # it does not know that these claims are immutable
        assert stack.apply().actions[f"{MANIFEST}.svc"] == "replace"
    else:
        assert stack.apply().actions == {f"{MANIFEST}.set": "replace", f"{MANIFEST}.svc": "replace"}
        assert cluster.get("Service", work, "x")["spec"]["clusterIP"] != "None"
    stack.expect_empty()
    stack.destroy()


@pytest.mark.each_cli("without a refresh OpenTofu's plan looks like the one at apply")
def test_a_replacement_that_the_server_would_refuse_is_told_before_anything_is_deleted(stack, cluster, names, work):
    def write(label, port):
        pods = {"metadata": {"labels": {"app": label}},
                "spec": {"containers": [{"name": "a", "image": "registry.example/web:1", "ports": [{"containerPort": port}]}]}}
        stack.write(manifest("web", {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": work},
            "spec": {"replicas": 0, "selector": {"matchLabels": {"app": label}}, "template": pods}})
            + manifest("x", config_map(work, "x", a=label) | {"immutable": True}))

    write("blue", 80)
    stack.apply()
    before = uid(cluster, "Deployment", work, "web")
    write("green", 99999)
    plan = stack.plan(fails=True)
    assert plan.error.address == f"{MANIFEST}.web"
    assert plan.says('Deployment.apps "web" is invalid', "containerPort: Invalid value: 99999"), plan.error
    assert uid(cluster, "Deployment", work, "web") == before
    write("green", 81)
    assert stack.apply().actions == {f"{MANIFEST}.web": "replace", f"{MANIFEST}.x": "replace"}
    assert uid(cluster, "Deployment", work, "web") != before
    stack.destroy()


@pytest.mark.each_cli("without a refresh OpenTofu's plan looks like the one at apply")
def test_a_replacement_may_have_what_only_one_can_have(stack, cluster, names, work):
    """A port of the nodes is taken as long as the former one is there, and a definition is named as its content says."""
    group = f"{names('g')}.example.org"
    for address, scope in (("10.96.20.20", "Namespaced"), ("10.96.20.21", "Cluster")):
        stack.write(manifest("crd", {
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": f"things.{group}"},
            "spec": {"group": group, "scope": scope, "names": {"plural": "things", "singular": "thing", "kind": "Thing"},
                     "versions": [{"name": "v1", "served": True, "storage": True,
                                   "schema": {"openAPIV3Schema": {"type": "object"}}}]}})
            + manifest("svc", {
                "apiVersion": "v1", "kind": "Service", "metadata": {"name": "x", "namespace": work},
                "spec": {"type": "NodePort", "clusterIP": address, "selector": {"a": "b"}, "ports": [{"port": 80, "nodePort": 30181}]}}))
        actions = stack.apply().actions
    assert actions == {f"{MANIFEST}.crd": "replace", f"{MANIFEST}.svc": "replace"}
    assert cluster.get("Service", work, "x")["spec"]["clusterIP"] == "10.96.20.21"
    stack.destroy()


@pytest.mark.each_cli("only Terraform says which plan is the one at apply")
def test_what_is_known_only_at_apply_is_made_anew_without_a_replacement(stack, cluster, names, work):
    """The name of an object, a field that cannot change, the limits of a tier: from something that changes as well.
    Beside them what means nothing: keys without a value, an empty text, an empty table."""
    output = "terraform_data.t.output"

    def late(name, object_):
        text = hcl.quoted(json.dumps(object_))
        return hcl.resource(MANIFEST, name, {"manifest": hcl.Expression(f'replace({text}, "COLOR", {output})')})

    def write(color):
        pods = {"metadata": {"labels": {"app": "COLOR"}},
                "spec": {"containers": [{"name": "a", "image": "registry.example/web:1", "env": None}]}}
        named = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "1"},
                 "metadata": {"name": hcl.Expression(f'"o-${{{output}}}"'), "namespace": work}}
        stack.write(hcl.resource("terraform_data", "t", {"input": color}) + late("web", {
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": work, "annotations": None},
            "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "COLOR"}}, "template": pods},
        }) + late("map", config_map(work, "x-COLOR", a="1")) + hcl.resource(MANIFEST, "o", {"object": named})
            + manifest("svc", {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "settled", "namespace": work},
                               "spec": {"clusterIP": "", "type": "NodePort", "selector": {"a": "b"},
                                        "ports": [{"port": 80, "nodePort": 0, "name": "a"}]}})
            + hcl.resource("charon_tier", "t", {
                "name": names("t"), "priority": 4, "description": "", "resource_quota": {"pods": str(len(color))},
                "limit_range": {"default": {"memory": "1Gi"}, "max": {}}})
            + hcl.resource("charon_tier_namespace", "n", {
                "name": names("n"), "tier": hcl.Expression("charon_tier.t.name"), "labels": {"color": color}}))

    write("blue")
    stack.apply()
    before = uid(cluster, "Deployment", work, "web")
    write("green")
    plan = stack.apply()
    assert plan.actions == {
        "terraform_data.t": "update", f"{MANIFEST}.web": "update", f"{MANIFEST}.map": "update", f"{MANIFEST}.o": "replace",
        "charon_tier.t": "update", "charon_tier_namespace.n": "update"}
    warned = [d.text for d in plan.applied.diagnostics if "Made anew" in d.summary]
    assert len(warned) == 2 and any("spec.selector" in text for text in warned), plan.applied.diagnostics
    web = cluster.get("Deployment", work, "web")
    assert web["spec"]["selector"]["matchLabels"] == {"app": "green"} and web["metadata"]["uid"] != before
    for name in ("x", "o"):
        assert cluster.has("ConfigMap", work, f"{name}-green") and not cluster.has("ConfigMap", work, f"{name}-blue")
    assert cluster.get("ResourceQuota", names("n"), "tier-quota")["spec"]["hard"]["pods"] == "5"
    # One field that drifts takes along neither what the server filled in elsewhere, nor what others have.
    cluster.api.patch("Deployment", work, "web", {"metadata": {"annotations": {"theirs": "1"}}})
    cluster.api.patch("Service", work, "settled", {"spec": {"selector": {"a": "c"}}})
    plan = stack.plan()
    assert plan.actions == {f"{MANIFEST}.svc": "update"}
    said = "\n".join(w.text for w in plan.warnings)
    assert ".spec.selector was changed by somebody" in said and "clusterIP" not in said and "nodePort" not in said, said
    stack.destroy()


@pytest.mark.each_cli("only Terraform says which plan is the one at apply")
def test_what_holds_data_asks_for_another_plan(stack, cluster, names, work):
    """A claim and a Secret that cannot become in place what is known only in the apply: both stay as they are, and
    nothing says that they were made anew. The next plan announces the replacement."""
    def write(color):
        late = hcl.Expression("terraform_data.t.output")
        claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "x", "namespace": work},
                 "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": late,
                          "resources": {"requests": {"storage": "1Gi"}}}}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x", "namespace": work}, "type": late}
        stack.write(hcl.resource("terraform_data", "t", {"input": color})
                    + hcl.resource(MANIFEST, "claim", {"manifest": hcl.Expression(f"jsonencode({hcl.value(claim)})")})
                    + hcl.resource(MANIFEST, "secret", {"manifest": hcl.Expression(f"jsonencode({hcl.value(secret)})")}))

    write("blue")
    stack.apply()
    cluster.api.patch("Secret", work, "x", {"data": {"theirs": "eA=="}})
    before = [uid(cluster, kind, work, "x") for kind in ("PersistentVolumeClaim", "Secret")]
    write("green")
    failed = stack.apply(fails=True)
    errors = [d.text for d in failed.diagnostics if d.severity == "error"]
    assert len(errors) == 2 and all("Plan again" in text for text in errors), failed
    assert not failed.says("Made anew")
    assert cluster.get("Secret", work, "x")["data"] == {"theirs": "eA=="}
    assert [uid(cluster, kind, work, "x") for kind in ("PersistentVolumeClaim", "Secret")] == before
    assert stack.apply().actions == {f"{MANIFEST}.claim": "replace", f"{MANIFEST}.secret": "replace"}
    stack.destroy()


# --- Another version, another ownership ---------------------------------------------------------


def test_another_version_of_the_kind_is_a_change_in_place(stack, cluster, names, work):
    """A CRD that serves two versions. Written first as v1, then as v2; somebody's state goes on being ours."""
    group = f"{names('g')}.example.org"
    version = {"served": True, "schema": {"openAPIV3Schema": {
        "type": "object", "x-kubernetes-preserve-unknown-fields": True}}}
    cluster.api.create({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                        "metadata": {"name": f"things.{group}"}, "spec": {
                            "group": group, "scope": "Namespaced", "names": {"plural": "things", "singular": "thing", "kind": "Thing"},
                            "versions": [{"name": "v1", "storage": True} | version, {"name": "v2", "storage": False} | version]}})
    try:
        thing = {"kind": "Thing", "metadata": {"name": "x", "namespace": work}, "spec": {"a": 1, "b": 2}}
        cluster.api.eventually(lambda: serves(cluster, f"{group}/v2/Thing"), "the CRD to be served")
        stack.write(manifest("x", {"apiVersion": f"{group}/v1"} | thing))
        stack.apply()
        before = uid(cluster, f"{group}/v1/Thing", work, "x")
        stack.write(manifest("x", {"apiVersion": f"{group}/v2"} | thing | {"spec": {"a": 1}}))
        plan = stack.apply()
        assert plan.actions == {f"{MANIFEST}.x": "update"}
        found = cluster.get(f"{group}/v2/Thing", work, "x")
        assert found["metadata"]["uid"] == before and found["spec"] == {"a": 1}
        # An address of another version is still one of the same object.
        stack.write(manifest("y", {"apiVersion": f"{group}/v1"} | thing))
        stack.apply()
        assert staying(cluster, f"{group}/v1/Thing", work, "x")
        # An operator's upgrade no longer serves what the configuration says: the object is the same in v2.
        cluster.api.patch("CustomResourceDefinition", None, f"things.{group}", {"spec": {"versions": [
            {"name": "v1", "storage": False} | version | {"served": False}, {"name": "v2", "storage": True} | version]}})
        cluster.api.eventually(lambda: cluster.api.send("GET", f"/apis/{group}/v1/things")[0] == 404 and
                               not any(r.api_version == f"{group}/v1" for r in cluster.api.resources()), "v1 to go")
        stack.write(manifest("y", {"apiVersion": f"{group}/v1"} | thing) + hcl.block(
            'data "charon_kubernetes_objects" "all"', {"api_version": f"{group}/v1", "kind": "Thing", "namespace": work}))
        stack.expect_empty()
        # Then it serves none at all. What nobody can see is not gone: it stays in the state.
        def serve(v2):
            cluster.api.patch("CustomResourceDefinition", None, f"things.{group}", {"spec": {"versions": [
                {"name": "v1", "storage": False} | version | {"served": False}, {"name": "v2", "storage": True} | version | {"served": v2}]}})
            cluster.api.eventually(lambda: any(r.api_version == f"{group}/v2" for r in cluster.api.resources()) == v2, "discovery to follow")

        serve(False)
        for command in (stack.plan, stack.destroy):
            assert command(fails=True).says(f"things.{group} serves no version"), command
        serve(True)
        stack.expect_empty()
        # It cannot be written any more: the plan says so, before anything is deleted for a replacement.
        for spec, options in (({"a": 2}, ()), (thing["spec"], (f"-replace={MANIFEST}.y",))):
            stack.write(manifest("y", {"apiVersion": f"{group}/v1"} | thing | {"spec": spec}))
            refused = stack.plan(*options, fails=True)
            assert refused.says(f'No kind "Thing" in {group}/v1', f"the server has it in {group}/v2"), refused
        stack.destroy()
        assert not cluster.has(f"{group}/v2/Thing", work, "x")
    finally:
        cluster.api.delete("CustomResourceDefinition", None, f"things.{group}")


def serves(cluster, kind):
    try:
        return cluster.api.resource(kind)
    except KeyError:
        return None


def test_ownership_of_the_object_becomes_ownership_of_fields_and_back(stack, cluster, names, work):
    stack.write(manifest("x", config_map(work, a="1", b="2")))
    stack.apply()
    before = uid(cluster, "ConfigMap", work, "x")
    stack.write(manifest("x", config_map(work, a="3"), ownership="fields"))
    plan = stack.apply()
    assert plan.actions == {f"{MANIFEST}.x": "update"}
    found = cluster.get("ConfigMap", work, "x")
    assert found["metadata"]["uid"] == before and found["data"] == {"a": "3", "b": "2"}
    assert "charon.internal/owner" not in found["metadata"].get("annotations", {})

    stack.write(manifest("x", config_map(work, a="3")))
    assert stack.apply(fails=True).says("is not this stack's", 'on_conflict = "adopt"')
    stack.write(manifest("x", config_map(work, a="3"), on_conflict="adopt"))
    stack.apply()
    found = cluster.get("ConfigMap", work, "x")
    assert found["metadata"]["uid"] == before and found["metadata"]["annotations"]["charon.internal/owner"]
    stack.destroy()
    assert not cluster.has("ConfigMap", work, "x")


def test_a_wait_for_what_is_no_expression_is_refused_before_anything_is_made(stack, cluster, names, work):
    stack.write(manifest("x", config_map(work, a="1"), wait={"fields": {"data.a": "("}}))
    (error,) = stack.validate(fails=True)
    assert "is no regular expression" in error.text and "wait" in error.code, error
    stack.write(manifest("x", config_map(work, a="1"), wait={"fields": {"{.data.a}": "1"}}))
    (error,) = stack.validate(fails=True)
    assert "is no path of a field" in error.text and "wait" in error.code, error
