"""No secret value is found anywhere: state, saved plans, TRACE logs, process arguments, diagnostics."""

import base64
import json

import pytest

from entries import make_namespace
from harness import hcl, leaks, proxy
from harness.hcl import Expression

# Long, and with characters that each form of escaping treats its own way.
GIVEN = "s3cret+/given&\"quoted\"<value>"
ROTATED = "s3cret+/rotated&<value>"
COPIED = "s3cret+/copied&<value>"
HIDDEN = "s3cret+/hidden&<value>"


def value_of(cluster, namespace, name, key):
    return base64.b64decode(cluster.get("Secret", namespace, name)["data"][key]).decode()


@pytest.fixture
def variables(stack):
    """Values that come from outside, as ephemeral variables: terraform itself keeps none of them."""
    stack.environment |= {"TF_VAR_given": GIVEN, "TF_VAR_hidden": HIDDEN}
    return "".join(f'variable "{name}" {{\n  type      = string\n  ephemeral = true\n}}\n'
                   for name in ("given", "hidden"))


def config(names, version):
    return hcl.resource("charon_secret", "all", {
        "name": "all", "namespace": names("work"),
        "data_wo": {"given": Expression("var.given"), "other": Expression("ephemeral.charon_kubernetes_secret.source.data.token")},
        "data_wo_version": version,
        "generate": {"made": {"kind": "password", "length": 40, "rotation_trigger": version},
                     "hex": {"kind": "hex", "length": 64}},
        "copy": {"copied": {"secret": "source", "key": "token"}},
        "replicate_to": [names("copies")],
    }) + hcl.resource("charon_kubernetes_manifest", "wo", {
        "manifest": json.dumps({"apiVersion": "v1", "kind": "Secret",
                                "metadata": {"name": "wo", "namespace": names("work")}}),
        "manifest_wo": Expression('jsonencode({ stringData = { hidden = var.hidden } })'),
        "manifest_wo_version": version,
    }) + hcl.resource("charon_kubernetes_manifest", "wo_other", {
        "manifest": json.dumps({"apiVersion": "v1", "kind": "ConfigMap",
                                "metadata": {"name": "wo", "namespace": names("work")}, "data": {"shown": "1"}}),
        "manifest_wo": Expression('jsonencode({ data = { hidden = var.hidden } })'),
        "manifest_wo_version": version,
    }) + hcl.block('ephemeral "charon_kubernetes_secret" "source"', {"name": "source", "namespace": names("work")}) \
       + hcl.block('ephemeral "charon_generated_secret" "fresh"', {"kind": "hex", "length": 64}) \
       + hcl.resource("charon_secret", "fresh", {
           "name": "fresh", "namespace": names("work"), "data_wo_version": version,
           "data_wo": {"fresh": Expression("ephemeral.charon_generated_secret.fresh.value")},
       })


def test_no_value_is_found_anywhere(stack, cluster, names, variables):
    for namespace in (names("work"), names("copies")):
        make_namespace(cluster, namespace)
    cluster.api.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "source", "namespace": names("work")},
                        "stringData": {"token": COPIED}})
    secrets = {GIVEN, ROTATED, COPIED, HIDDEN}
    with stack.watching_arguments():
        stack.write(variables + config(names, "1"))
        stack.apply()
        secrets |= {value_of(cluster, names("work"), "all", key) for key in ("made", "hex")}
        secrets.add(value_of(cluster, names("work"), "fresh", "fresh"))
        assert value_of(cluster, names("copies"), "all", "given") == GIVEN
        assert value_of(cluster, names("work"), "all", "other") == COPIED
        assert value_of(cluster, names("work"), "wo", "hidden") == HIDDEN
        assert cluster.get("ConfigMap", names("work"), "wo")["data"] == {"shown": "1", "hidden": HIDDEN}

        # A new version, a rotation, and somebody who takes values over.
        stack.environment["TF_VAR_given"] = ROTATED
        stack.write(variables + config(names, "2"))
        stack.apply()
        secrets |= {value_of(cluster, names("work"), "all", "made"), value_of(cluster, names("work"), "fresh", "fresh")}
        assert value_of(cluster, names("work"), "all", "given") == ROTATED
        cluster.api.patch("Secret", names("work"), "all", {"stringData": {"given": "somebody's " + GIVEN}})
        stack.run("plan", "-input=false", "-no-color", codes=(0, 1))
        stack.run("apply", "-json", "-input=false", "-auto-approve", codes=(0, 1))
        cluster.api.patch("Secret", names("work"), "all", {"data": {"given": None, "hex": None}})
        stack.run("apply", "-json", "-input=false", "-auto-approve", codes=(0, 1))
        # And how it looks in the other places.
        stack.run("show", "-json")
        stack.run("show")
        stack.destroy()
    places = [p for p in (stack.config, stack.logs, stack.plans, stack.folder / "data") if p.exists()]
    assert leaks.find(sorted(secrets), *places) == []
    # The finder does find what is there.
    (stack.config / "control").write_text(json.dumps({"x": base64.b64encode(GIVEN.encode()).decode()}))
    assert leaks.find([GIVEN], stack.config)


def test_what_reads_an_object_leaves_out_what_its_manifest_hides(stack, cluster, work, folder):
    """Also where it is compared whole, as a selector is."""
    reads = "".join(hcl.block(f'data "charon_kubernetes_object" "{kind.lower()}"', {
        "api_version": "v1", "kind": kind, "namespace": work, "name": "x", "depends_on": [Expression("charon_kubernetes_manifest.configmap"),
                                                                                          Expression("charon_kubernetes_manifest.service")],
    }) for kind in ("ConfigMap", "Service"))
    shown = {"ConfigMap": {"data": {"shown": "1"}}, "Service": {"spec": {"ports": [{"port": 80}], "selector": {"app": "x"}}}}
    hidden = {"ConfigMap": {"data": {"hidden": HIDDEN}}, "Service": {"spec": {"selector": {"hidden": "s3cret-label"}}}}
    manifests = {kind: json.dumps({"apiVersion": "v1", "kind": kind, "metadata": {"name": "x", "namespace": work}} | shown[kind]) for kind in shown}

    def made(kind):
        return hcl.resource("charon_kubernetes_manifest", kind.lower(), {
            "manifest": manifests[kind], "manifest_wo": json.dumps(hidden[kind]), "manifest_wo_version": "1"})

    stack.write("".join(made(kind) for kind in shown) + reads)
    stack.apply()
    assert cluster.get("ConfigMap", work, "x")["data"] == {"shown": "1", "hidden": HIDDEN}
    assert cluster.get("Service", work, "x")["spec"]["selector"] == {"app": "x", "hidden": "s3cret-label"}
    states = [json.dumps(stack.state().document)]
    read = json.loads(stack.state()["data.charon_kubernetes_object.configmap"]["json"])
    assert read["data"] == {"shown": "1"} and read["metadata"]["name"] == "x"
    # Somebody changes what is compared, and a refresh takes it into the state.
    cluster.api.patch("Service", work, "x", {"spec": {"selector": {"app": "y"}}})
    assert "charon_kubernetes_manifest.service" in stack.plan().drift
    stack.refresh()
    assert json.loads(stack.state()["charon_kubernetes_manifest.service"]["manifest"])["spec"]["selector"] == {"app": "y"}
    states.append(json.dumps(stack.state().document))
    for kind in shown:
        stack.run("state", "rm", f"charon_kubernetes_manifest.{kind.lower()}")
    stack.write("".join(hcl.block("import", {"to": Expression(f"charon_kubernetes_manifest.{kind.lower()}"), "id": f"v1/{kind}/{work}/x"})
                        for kind in shown))
    plan = stack.plan("-generate-config-out=generated.tf")
    states += [json.dumps(stack.show_plan_json(plan)), (stack.config / "generated.tf").read_text()]
    assert all(f'resource "charon_kubernetes_manifest" "{kind.lower()}"' in states[-1] for kind in shown)
    found = folder / "found"
    found.mkdir()
    (found / "states").write_text("\n".join(states))
    assert leaks.find([HIDDEN, "s3cret-label"], found) == []


def test_a_secret_in_a_plain_manifest_is_refused_with_the_way_out(stack, cluster, names):
    for key in ("data", "stringData"):
        manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x", "namespace": "default"},
                    key: {"password": base64.b64encode(GIVEN.encode()).decode()}}
        stack.write(hcl.resource("charon_kubernetes_manifest", "x", {"manifest": json.dumps(manifest)}))
        result = stack.plan(fails=True)
        assert result.says("manifest_wo", "charon_secret") and result.error.address == "charon_kubernetes_manifest.x"


@pytest.mark.one_cli("the same answer")
def test_a_token_in_the_provider_block_stays_out_of_logs(stack, cluster, names):
    stack.environment.pop("KUBE_CONFIG_PATH")
    stack.environment["TF_VAR_token"] = cluster.token
    stack.write('variable "token" {\n  type      = string\n  ephemeral = true\n}\n'
                + hcl.block('provider "charon"', {"kubernetes": {
                    "host": cluster.server, "token": Expression("var.token"),
                    "cluster_ca_certificate": cluster.ca_file.read_text(),
                }}) + hcl.resource("charon_tier_namespace", "x", {"name": names("n")}))
    with stack.watching_arguments():
        stack.apply()
        stack.destroy()
    assert leaks.find([cluster.token], stack.config, stack.logs, stack.plans) == []


def test_a_write_only_value_of_what_cannot_change_replaces_it(stack, cluster, work):
    """Of an immutable Secret, and of a Pod; the server's answer about a Pod quotes the value that it had."""

    def write(version, value, label):
        secret = {"apiVersion": "v1", "kind": "Secret", "immutable": True,
                  "metadata": {"name": "x", "namespace": work, "labels": {"a": label}}}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": work}}
        inside = {"spec": {"containers": [{"name": "a", "image": "registry.example/a:1", "env": [{"name": "X", "value": value}]}]}}
        stack.write(
            hcl.resource("charon_kubernetes_manifest", "x", {
                "manifest": json.dumps(secret), "manifest_wo": json.dumps({"stringData": {"hidden": value}}),
                "manifest_wo_version": version})
            + hcl.resource("charon_kubernetes_manifest", "p", {
                "manifest": json.dumps(pod), "manifest_wo": json.dumps(inside), "manifest_wo_version": version}))

    write("1", GIVEN, "1")
    stack.apply()
    uid = cluster.get("Secret", work, "x")["metadata"]["uid"]
    write("1", GIVEN, "2")
    assert stack.apply().actions == {"charon_kubernetes_manifest.x": "update"}
    assert cluster.get("Secret", work, "x")["metadata"]["uid"] == uid
    assert data_of(cluster, work, "x") == {"hidden": GIVEN}

    write("2", ROTATED, "2")
    result = stack.apply()
    assert result.actions == {"charon_kubernetes_manifest.x": "replace", "charon_kubernetes_manifest.p": "replace"}
    assert data_of(cluster, work, "x") == {"hidden": ROTATED}
    (container,) = cluster.get("Pod", work, "p")["spec"]["containers"]
    assert container["env"][0]["value"] == ROTATED
    assert stack.plan().actions == {}
    stack.destroy()


# --- Keys that go ---------------------------------------------------------------------------------


def data_of(cluster, namespace, name):
    return {k: base64.b64decode(v).decode() for k, v in (cluster.get("Secret", namespace, name).get("data") or {}).items()}


@pytest.mark.parametrize("field", ["stringData", "data"])
def test_a_write_only_key_that_goes_from_a_manifest_goes_from_the_secret(stack, cluster, work, field):
    """The server turns stringData into data and remembers nothing of it, so the key would stay for ever."""

    def write(version, **values):
        if field == "data":
            values = {k: base64.b64encode(v.encode()).decode() for k, v in values.items()}
        stack.write(hcl.resource("charon_kubernetes_manifest", "x", {
            "manifest": json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x", "namespace": work}}),
            "manifest_wo": json.dumps({field: values}), "manifest_wo_version": version,
        }))
        return stack.apply()

    write("1", user="ann", password=GIVEN, note="späßchen ☃")
    assert data_of(cluster, work, "x") == {"user": "ann", "password": GIVEN, "note": "späßchen ☃"}
    cluster.api.patch("Secret", work, "x", {"stringData": {"theirs": "of somebody"}})
    assert write("2", password=ROTATED).actions == {"charon_kubernetes_manifest.x": "update"}
    assert data_of(cluster, work, "x") == {"password": ROTATED, "theirs": "of somebody"}
    # All of them, with the attribute itself.
    stack.write(hcl.resource("charon_kubernetes_manifest", "x", {
        "manifest": json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x", "namespace": work}}),
    }))
    stack.apply()
    assert data_of(cluster, work, "x") == {"theirs": "of somebody"}
    stack.destroy()


def test_write_only_values_change_only_by_their_version(stack, cluster, work):
    """Each run may read others: a change of something else must not write them, nor refuse the ones that it would."""

    def write(version, value, label, **more):
        stack.write("".join(hcl.resource("charon_kubernetes_manifest", kind.lower(), {
            "manifest": json.dumps({"apiVersion": "v1", "kind": kind,
                                    "metadata": {"name": "x", "namespace": work, "labels": {"a": label}}}),
            "manifest_wo": json.dumps({field: {"hidden": value} | more}), "manifest_wo_version": version,
        }) for kind, field in (("Secret", "stringData"), ("ConfigMap", "data"))) + hcl.resource("charon_secret", "given", {
            "name": "given", "namespace": work, "labels": {"a": label}, "data_wo": {"hidden": value} | more,
            "data_wo_version": version, "generate": {"made": {"rotation_trigger": "1"} if label == "1" else {}},
        }))
        return stack.apply().actions

    def found():
        objects = [data_of(cluster, work, "x"), cluster.get("ConfigMap", work, "x")["data"], data_of(cluster, work, "given")]
        made.add(objects[-1].pop("made"))
        return objects

    made = set()
    write("1", GIVEN, "1")
    assert found() == 3 * [{"hidden": GIVEN}]
    # A key that is new has no value to keep; a trigger that goes rotates nothing.
    assert set(write("1", ROTATED, "2", more=ROTATED).values()) == {"update"}
    assert cluster.get("ConfigMap", work, "x")["metadata"]["labels"]["a"] == "2"
    assert found() == 3 * [{"hidden": GIVEN, "more": ROTATED}]
    assert set(write("2", ROTATED, "2", more=ROTATED).values()) == {"update"}
    assert found() == 3 * [{"hidden": ROTATED, "more": ROTATED}]
    assert len(made) == 1
    stack.expect_empty()
    stack.destroy()


def test_a_key_in_both_forms_is_the_readable_one(stack, cluster, work):
    """As the API has it: stringData wins."""
    stack.write(hcl.resource("charon_kubernetes_manifest", "x", {
        "manifest": json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x", "namespace": work}}),
        "manifest_wo": json.dumps({"data": {"a": base64.b64encode(b"no").decode(), "b": base64.b64encode(b"b").decode()},
                                   "stringData": {"a": GIVEN}}),
        "manifest_wo_version": "1",
    }))
    stack.apply()
    assert data_of(cluster, work, "x") == {"a": GIVEN, "b": "b"}
    stack.destroy()


def test_keys_that_go_from_a_charon_secret_go_from_all_its_places(stack, cluster, names):
    work, copies = names("work"), names("copies")
    for namespace in (work, copies):
        make_namespace(cluster, namespace)
    cluster.api.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "source", "namespace": work},
                        "stringData": {"token": COPIED}})

    def write(**attributes):
        stack.write(hcl.resource("charon_secret", "x", {"name": "x", "namespace": work, "replicate_to": [copies]} | attributes))
        stack.apply()
        found = data_of(cluster, work, "x")
        assert data_of(cluster, copies, "x") == {k: v for k, v in found.items() if k != "theirs"}
        return found

    given = {"data_wo": {"user": "ann", "password": GIVEN}, "data_wo_version": "1"}
    more = {"generate": {"made": {"kind": "hex"}, "kept": {"kind": "hex"}}, "copy": {"token": {"secret": "source"}}}
    first = write(**given, **more)
    assert first.keys() == {"user", "password", "made", "kept", "token"}
    cluster.api.patch("Secret", work, "x", {"stringData": {"theirs": "of somebody"}})
    second = write(data_wo={"password": ROTATED}, data_wo_version="2", generate={"kept": {"kind": "hex"}})
    assert second == {"password": ROTATED, "kept": first["kept"], "theirs": "of somebody"}
    assert stack.state()["charon_secret.x"]["keys"] == ["kept", "password"]
    assert write() == {"theirs": "of somebody"}
    stack.destroy()


def test_values_that_count_only_at_creation_are_no_way_around(stack, cluster, names):
    """`initial` is in state like the manifest."""
    manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x", "namespace": "default"}}
    for key in ("data", "stringData"):
        stack.write(hcl.resource("charon_kubernetes_manifest", "x", {
            "manifest": json.dumps(manifest), "initial": json.dumps({key: {"password": base64.b64encode(b"x").decode()}}),
        }))
        result = stack.plan(fails=True)
        assert result.says("manifest_wo", "charon_secret") and result.error.code.startswith("initial"), result


# --- Values that are made once --------------------------------------------------------------------


def made(names, key, **attributes):
    """A Secret with two generated values."""
    return {"name": key, "namespace": names("work"), "generate": {"p": {"length": 24}, "q": {"kind": "hex"}}} | attributes


def secrets(*all_of_them):
    return "".join(hcl.resource("charon_secret", attributes["name"], attributes) for attributes in all_of_them)


def test_generated_values_change_only_by_their_rotation_trigger(stack, cluster, names):
    """Whatever else changes, also where Kubernetes allows no change and the Secret has to be made again."""
    work, copies = names("work"), names("copies")
    for namespace in (work, copies):
        make_namespace(cluster, namespace)
    keys = ("rotated", "grown", "thawed", "frozen", "typed", "shrunk", "given", "imported", "foreign", "wrong-type")
    given = {"data_wo": {"user": "ann"}, "data_wo_version": "1"}

    def fixed(key, **attributes):
        return made(names, key, immutable=True, **attributes)

    first = [fixed("rotated", replicate_to=[copies]), fixed("grown"), fixed("thawed", replicate_to=[copies]), made(names, "frozen"),
             made(names, "typed"), fixed("shrunk"), fixed("given", **given), fixed("imported"), made(names, "wrong-type")]
    stack.write(secrets(*first))
    stack.apply("-parallelism=64")
    # Somebody's Secret, and somebody's key and label in one of ours.
    cluster.api.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "foreign", "namespace": work}, "immutable": True,
                        "stringData": {"p": "a value of before", "q": "another"}})
    cluster.api.patch("Secret", work, "typed", {"stringData": {"theirs": "of somebody"}, "metadata": {"labels": {"theirs": "too"}}})
    before = {key: data_of(cluster, work, key) for key in keys}
    uids = {key: cluster.get("Secret", work, key)["metadata"]["uid"] for key in keys}
    revisions_of = lambda keys: {key: stack.state()[f"charon_secret.{key}"]["revision"] for key in keys}  # noqa: E731
    revisions = revisions_of(attributes["name"] for attributes in first)

    stack.run("state", "rm", "charon_secret.imported")
    more = {"p": {"length": 24}, "q": {"kind": "hex"}, "r": {"kind": "uuid"}}
    second = [
        fixed("rotated", replicate_to=[copies], generate={"p": {"length": 24, "rotation_trigger": "1"}, "q": {"kind": "hex"}}),
        fixed("grown", generate=more), made(names, "thawed", replicate_to=[copies], generate=more),
        fixed("frozen", generate=more), made(names, "typed", type="example.org/other"),
        fixed("shrunk", generate={"p": {"length": 24}}), fixed("given", data_wo={"user": "bob"}, data_wo_version="2"),
        fixed("imported"), fixed("foreign"), made(names, "wrong-type", type="kubernetes.io/tls"),
    ]
    imports = "".join(hcl.block("import", {"to": Expression(f"charon_secret.{key}"), "id": f"{work}/{key}"}) for key in ("imported", "foreign"))
    # What the server refuses is said before anything is deleted: in the plan, and without plan checks in the apply.
    stack.write(secrets(*second) + imports)
    assert stack.plan(fails=True).says("charon_secret.wrong-type", "tls.crt", "Required value")
    stack.write(secrets(*second) + imports + hcl.block('provider "charon"', {"plan_checks": "off"}))
    plan = stack.plan()
    changes = {address.removeprefix("charon_secret."): action for address, action in plan.actions.items()}
    assert set(changes.values()) == {"update"} and changes.keys() >= set(keys) - {"imported", "foreign"}, changes
    assert stack.apply("-parallelism=64", fails=True).says("charon_secret.wrong-type", "tls.crt", "Required value")
    second[-1] = first[-1]
    stack.write(secrets(*second))
    stack.apply("-parallelism=64")

    after = {key: data_of(cluster, work, key) for key in keys}
    assert after["rotated"]["p"] != before["rotated"]["p"]
    before["rotated"]["p"] = after["rotated"]["p"]
    for key in ("grown", "thawed", "frozen"):
        before[key]["r"] = after[key]["r"]
        assert len(after[key]["r"]) == 36
    del before["shrunk"]["q"]
    before["given"]["user"] = "bob"
    assert after == before
    for key in ("rotated", "thawed"):
        assert data_of(cluster, copies, key) == after[key]
    live = {key: cluster.get("Secret", work, key) for key in keys}
    assert {key for key in keys if live[key].get("immutable")} == set(keys) - {"thawed", "typed", "wrong-type"}
    assert live["typed"]["type"] == "example.org/other" and live["typed"]["metadata"]["labels"]["theirs"] == "too"
    # Made again is only what could not be changed.
    assert {key for key in keys if live[key]["metadata"]["uid"] == uids[key]} == {"frozen", "imported", "foreign", "wrong-type"}
    assert {ref for ref in cluster.api.contents(work) if "kept" in ref} == set()
    revisions |= {"imported": 1, "foreign": 1}
    # The keys of "foreign" became ours.
    assert revisions_of(keys) == {key: number if key in ("typed", "imported", "wrong-type") else number + 1
                                  for key, number in revisions.items()}
    stack.expect_empty()
    stack.destroy()


def test_a_plan_says_what_the_apply_would_run_into(stack, cluster, names, work):
    for name in ("taken", "source"):
        cluster.api.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": work}, "stringData": {"a": "b"}})

    def copying(name, source, key):
        return {"name": name, "namespace": work, "copy": {"x": {"secret": source, "key": key}}}

    fine = [made(names, "first"), copying("second", Expression("charon_secret.first.name"), "p"), copying("third", "source", "a"),
            {"name": "fourth", "namespace": work, "type": "kubernetes.io/dockerconfigjson", "generate": {".dockerconfigjson": {}}}]
    stack.write(secrets(*fine[:1]) + "".join(hcl.resource("charon_secret", a["name"], a) for a in fine[1:]))
    assert stack.plan().warnings == []
    stack.write(secrets(*fine, made(names, "taken"), copying("no-source", "nowhere", "x"), copying("no-key", "source", "x"),
                        made(names, "tls", type="kubernetes.io/tls")))
    plan = stack.plan(fails=True)
    warnings = {w.address: w for w in plan.warnings}
    assert warnings.keys() == {f"charon_secret.{name}" for name in ("taken", "no-source", "no-key")}, plan
    assert "exists already" in warnings["charon_secret.taken"].text
    assert "must exist before" in warnings["charon_secret.no-source"].text
    assert 'has no key "x"; it has a' in warnings["charon_secret.no-key"].text
    errors = {e.address: e for e in plan.errors}
    assert errors.keys() == {"charon_secret.tls"}, plan
    assert "tls.crt" in errors["charon_secret.tls"].text and errors["charon_secret.tls"].code.startswith("type")


def test_no_value_is_quoted_by_a_wait(stack, cluster, work):
    cluster.api.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x", "namespace": work}, "stringData": {"password": GIVEN}})
    stack.write("".join(hcl.resource("charon_kubernetes_manifest", f"w{number}", {
        "manifest": json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x", "namespace": work, "labels": {"a": "b"}}}),
        "ownership": "fields", "wait": {"fields": {path: "x"}}, "timeouts": {"create": "2s"},
    }) for number, path in enumerate(("data.password", "data"))))
    result = stack.apply(fails=True)
    assert result.says("data.password (sensitive) does not match x")
    assert leaks.find([GIVEN], stack.config, stack.logs, stack.plans) == []


@pytest.mark.one_cli("what is sent is the same")
@pytest.mark.parametrize("keys", [(), ("p",)], ids=["empty", "generated"])
@pytest.mark.parametrize("ours", [True, False], ids=["ours", "theirs"])
def test_an_immutable_secret_is_imported_as_it_is(stack, cluster, work, keys, ours):
    """With a configuration that says what it has: nothing is written that the server keeps, nor is it made anew."""
    attributes = {"namespace": work, "name": "fixed", "immutable": True, "generate": {key: {} for key in keys}}
    if ours:
        stack.write(hcl.resource("charon_secret", "it", attributes))
        stack.apply()
        stack.run("state", "rm", "charon_secret.it")
    else:
        data = {key: base64.b64encode(b"first").decode() for key in keys}
        cluster.api.create({"apiVersion": "v1", "kind": "Secret", "immutable": True, "metadata": {"name": "fixed", "namespace": work}} | (
            {"data": data} if data else {}), "kubectl-create")

    def fixed():
        found = cluster.get("Secret", work, "fixed")
        return found["metadata"]["uid"], found.get("data", {})

    before = fixed()
    block = hcl.block("import", {"to": Expression("charon_secret.it"), "id": f"{work}/fixed"})
    stack.write(block + hcl.resource("charon_secret", "it", attributes))
    assert stack.apply().warnings == [] and fixed() == before
    stack.write(hcl.resource("charon_secret", "it", attributes | {"labels": {"team": "a"}}))
    stack.apply()
    assert fixed() == before and cluster.get("Secret", work, "fixed")["metadata"]["labels"]["team"] == "a"
    stack.destroy()


@pytest.mark.one_cli("what is sent is the same")
def test_an_import_keeps_values_that_no_configuration_names(stack, cluster, work):
    """As `kubectl create secret` made them, with the configuration that Terraform generates and with one that names a key."""
    values = {"p": base64.b64encode(b"first").decode(), "q": base64.b64encode(b"second").decode()}
    cluster.api.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "made", "namespace": work}, "data": values}, "kubectl-create")

    def data():
        return cluster.get("Secret", work, "made")["data"]

    block = hcl.block("import", {"to": Expression("charon_secret.it"), "id": f"{work}/made"})
    stack.write(block)
    stack.plan("-generate-config-out=generated.tf")
    stack.apply()
    assert data() == values
    (stack.config / "generated.tf").unlink()
    stack.write(hcl.resource("charon_secret", "it", {"namespace": work, "name": "made", "generate": {"q": {"rotation_trigger": "1"}}}))
    stack.apply()
    assert data() == values
    # The other way round: what was named is the configuration's to take away, and no more.
    stack.write(hcl.resource("charon_secret", "it", {"namespace": work, "name": "made"}))
    stack.apply()
    assert data() == {"p": values["p"]}


@pytest.mark.one_cli("what is sent is the same")
@pytest.mark.parametrize("stays", [True, False], ids=["immutable", "not-any-more"])
def test_an_import_keeps_values_of_an_immutable_secret(stack, cluster, work, stays):
    """As another tool applied it, with a configuration that names none of them, and has something to write."""
    values = {"p": base64.b64encode(b"first").decode()}
    cluster.api.apply({"apiVersion": "v1", "kind": "Secret", "immutable": True, "metadata": {"name": "fixed", "namespace": work}, "data": values}, "kubectl")
    before = cluster.get("Secret", work, "fixed")["metadata"]["uid"]
    stack.write(hcl.block("import", {"to": Expression("charon_secret.it"), "id": f"{work}/fixed"})
                + hcl.resource("charon_secret", "it", {"namespace": work, "name": "fixed", "immutable": stays, "labels": {"team": "a"}}))
    stack.apply()
    live = cluster.get("Secret", work, "fixed")
    assert live["data"] == values and live["metadata"]["labels"]["team"] == "a"
    assert live.get("immutable", False) is stays and (live["metadata"]["uid"] == before) is stays
    stack.expect_empty()
    stack.destroy()


@pytest.mark.one_cli("what is sent is the same")
def test_a_secret_of_a_lost_state_keeps_its_values(stack, cluster, names, work):
    """With the configuration that Terraform generates, and with the former one after it."""
    make_namespace(cluster, names("copies"))
    former = hcl.resource("charon_secret", "it", {
        "namespace": work, "name": "made", "replicate_to": [names("copies")], "data_wo": {"given": GIVEN}, "data_wo_version": "1",
        "generate": {"p": {"rotation_trigger": "1"}}})
    stack.write(former)
    stack.apply()
    before = data_of(cluster, work, "made")
    stack.run("state", "rm", "charon_secret.it")
    stack.write(hcl.block("import", {"to": Expression("charon_secret.it"), "id": f"{work}/made"}))
    assert stack.plan("-generate-config-out=generated.tf").actions == {}
    stack.apply()
    stack.expect_empty()
    (stack.config / "generated.tf").unlink()
    stack.write(former)
    stack.apply()
    assert data_of(cluster, work, "made") == data_of(cluster, names("copies"), "made") == before
    stack.destroy()


# --- Copies in other namespaces -------------------------------------------------------------------


def places_of(cluster, *namespaces):
    return {namespace for namespace in namespaces if cluster.has("Secret", namespace, "x")}


@pytest.mark.one_cli("what is sent is the same")
@pytest.mark.parametrize("end", ["destroyed", "made again", "made by another"])
def test_copies_outlive_the_secret_only_in_the_state(stack, cluster, names, end):
    work, one, two = (names(key) for key in ("work", "one", "two"))
    for namespace in (work, one, two):
        make_namespace(cluster, namespace)
    stack.write(secrets(made(names, "x", replicate_to=[one, two])))
    stack.apply()
    before = data_of(cluster, one, "x")
    cluster.api.delete("Secret", work, "x")
    cluster.api.delete("Secret", two, "x")
    if end == "made by another":
        cluster.api.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x", "namespace": work}, "stringData": {"p": "theirs"}})
    plan = stack.plan("-refresh-only")
    assert [w.address for w in plan.warnings] and "Deleted outside" in plan.warnings[0].text, plan
    assert f"the generated values of the copies in {one}" in plan.warnings[-1].text, plan
    if end == "made again":
        stack.apply()
        assert all(data_of(cluster, place, "x") == before for place in (work, one, two))  # consumers have these values
        stack.destroy()
    elif end == "destroyed":
        stack.run("apply", "-refresh-only", "-auto-approve", "-input=false")
        stack.write("")
        stack.apply()
    else:
        stack.destroy()
    assert places_of(cluster, work, one, two) == ({work} if end == "made by another" else set())


@pytest.mark.one_cli("what is sent is the same")
@pytest.mark.parametrize("action", [proxy.Answer(403, "Forbidden"), proxy.Drop(acted=True), proxy.Drop()], ids=["refused", "answer lost", "lost"])
@pytest.mark.thorough("each fault, and each way on")
@pytest.mark.parametrize("then", ["forgotten", "again", "destroyed"])
def test_a_failed_update_forgets_no_copy(new_stack, cluster, names, action, then):
    """Neither the former ones, which were to go, nor that of which nobody could say whether it was made."""
    front = cluster.proxy()
    stack = new_stack("stack", kubeconfig=front.kubeconfig, trace=False)
    work, one, two, three = (names(key) for key in ("work", "one", "two", "three"))
    for namespace in (work, one, two, three):
        make_namespace(cluster, namespace)

    def write(*places, trigger="2"):
        generate = {"p": {"rotation_trigger": trigger}, "q": {"kind": "hex"}}
        stack.write(secrets(made(names, "x", replicate_to=list(places), generate=generate)))

    write(one, two, trigger="1")
    stack.apply()
    write(two, three)
    for failing in (two, three):
        plan = stack.plan()
        about = f"/api/v1/namespaces/{failing}/secrets/x"
        front.on(proxy.matching("PATCH" if isinstance(action, proxy.Answer) else ".*", about), action, None)
        stack.run("apply", "-json", "-input=false", str(plan.file), codes=(1,))
        front.heal()
        if then == "again" and failing == two:
            write(two)  # the former value must not stay where the new one did not arrive
            stack.apply()
            assert data_of(cluster, two, "x") == data_of(cluster, work, "x")
            write(one, two)
            stack.apply()
            write(two, three, trigger="3")
    if then == "forgotten":
        write()
        stack.apply()
        assert places_of(cluster, work, one, two, three) == {work}
    elif then == "again":
        write(two, three, trigger="3")
        stack.apply()
        assert places_of(cluster, work, one, two, three) == {work, two, three}
        assert data_of(cluster, work, "x") == data_of(cluster, two, "x") == data_of(cluster, three, "x")
    stack.destroy()
    assert places_of(cluster, work, one, two, three) == set()


@pytest.mark.one_cli("what is sent is the same")
def test_a_copy_of_another_type_is_made_again_after_a_failure(new_stack, cluster, names):
    front = cluster.proxy()
    stack = new_stack("stack", kubeconfig=front.kubeconfig, trace=False)
    work, one = names("work"), names("one")
    for namespace in (work, one):
        make_namespace(cluster, namespace)
    stack.write(secrets(made(names, "x", replicate_to=[one])))
    stack.apply()
    stack.write(secrets(made(names, "x", replicate_to=[one], type="example.org/other")))
    plan = stack.plan()
    front.on(proxy.matching("DELETE", f"/api/v1/namespaces/{one}/secrets/x"), proxy.Answer(403, "Forbidden"), None)
    stack.run("apply", "-json", "-input=false", str(plan.file), codes=(1,))
    front.heal()
    stack.apply()
    assert {cluster.get("Secret", place, "x")["type"] for place in (work, one)} == {"example.org/other"}
    assert cluster.api.contents(work) == ["Secret/x"]
    stack.destroy()


@pytest.mark.one_cli("what is sent is the same")
def test_a_copy_that_differs_is_seen_and_set_back(stack, cluster, names):
    """By the ownership of fields, as in the Secret itself."""
    work, one, two = (names(key) for key in ("work", "one", "two"))
    for namespace in (work, one, two):
        make_namespace(cluster, namespace)
    given = {"data_wo": {"given": GIVEN}, "data_wo_version": "1"}
    stack.write(secrets(made(names, "x", replicate_to=[one, two], **given), made(names, "empty", replicate_to=[one])))
    stack.apply()
    before = data_of(cluster, work, "x")
    cluster.api.patch("Secret", one, "x", {"data": {"p": None}, "stringData": {"theirs": "of somebody"}})
    cluster.api.patch("Secret", two, "x", {"stringData": {"theirs": "of somebody"}})
    cluster.api.patch("Secret", one, "empty", {"data": None})
    plan = stack.plan()
    assert plan.actions == {"charon_secret.empty": "update", "charon_secret.x": "update"} and len(plan.warnings) == 2, plan
    told = {w.address: w.text for w in plan.warnings}
    assert all(part in told["charon_secret.x"] for part in ("Changed outside", f"{one}/x", ".data.p was removed")), plan
    stack.apply()
    assert data_of(cluster, one, "empty") == data_of(cluster, work, "empty")
    theirs = {"theirs": "of somebody"}
    assert data_of(cluster, one, "x") == data_of(cluster, two, "x") == before | theirs and data_of(cluster, work, "x") == before

    for key in ("p", "given"):
        cluster.api.patch("Secret", two, "x", {"stringData": {key: HIDDEN}})
    for _ in range(2):  # what an apply did not do is still to be done
        plan = stack.plan()
        assert plan.actions == {"charon_secret.x": "update"}, plan
        text = "".join(w.text for w in plan.warnings)
        assert all(f".data.{key} was changed by somebody" in text for key in ("p", "given")) and ".data.q" not in text, plan
        assert "Another manager owns a field" in text, plan
        assert stack.apply(fails=True).says(f"{two}/x", "belongs to somebody", "force_conflicts = true")
    stack.write(secrets(made(names, "x", replicate_to=[one, two], force_conflicts=True, **given)))
    stack.apply()
    assert data_of(cluster, two, "x") == before | theirs
    stack.expect_empty()
    assert leaks.find([before["p"], before["q"], HIDDEN], stack.config, stack.logs, stack.plans) == []
    stack.destroy()


@pytest.mark.one_cli("what is sent is the same")
def test_what_becomes_of_a_generated_key_that_somebody_took(stack, cluster, names):
    """As the warning says."""
    work, one = names("work"), names("one")
    for namespace in (work, one):
        make_namespace(cluster, namespace)

    def write(trigger, **more):
        stack.write(secrets(made(names, "x", replicate_to=[one], generate={"p": {"rotation_trigger": trigger}, "q": {}}, **more)))

    write("1")
    stack.apply()
    before = data_of(cluster, work, "x")
    cluster.api.patch("Secret", work, "x", {"data": {"q": None}, "stringData": {"p": "a value of theirs"}})
    text = "".join(w.text for w in stack.plan().warnings)
    assert all(part in text for part in (
        "somebody removed or took over the keys p, q", "keeps the value that p has", "q has in a copy")), text
    stack.apply()
    assert data_of(cluster, work, "x") == data_of(cluster, one, "x") == before | {"p": "a value of theirs"}
    stack.expect_empty()
    write("2")
    assert stack.apply(fails=True).says(f"{work}/x", "belongs to somebody", "force_conflicts = true")
    write("2", force_conflicts=True)
    stack.apply()
    after = data_of(cluster, work, "x")
    assert after["p"] not in (before["p"], "a value of theirs") and after["q"] == before["q"]
    stack.destroy()


@pytest.mark.one_cli("what is sent is the same")
def test_keys_go_also_under_another_field_manager(stack, cluster, names):
    work, one = names("work"), names("one")
    for namespace in (work, one):
        make_namespace(cluster, namespace)

    def write(manager, **generate):
        stack.write(hcl.block('provider "charon"', {"kubernetes": {"field_manager": manager}}) + "".join(
            hcl.resource("charon_secret", name, {"name": name, "namespace": work, "replicate_to": [one], "generate": generate,
                                                 "immutable": name == "fixed"}) for name in ("x", "fixed")))

    write("charon", p={}, q={})
    stack.apply()
    for place in (work, one):
        cluster.api.patch("Secret", place, "x", {"stringData": {"theirs": "of somebody"}})
    before = {name: data_of(cluster, work, name) for name in ("x", "fixed")}
    write("other", p={})
    stack.apply()
    for place in (work, one):
        assert data_of(cluster, place, "x") == {"p": before["x"]["p"], "theirs": "of somebody"}, place
        assert data_of(cluster, place, "fixed") == {"p": before["fixed"]["p"]}, place
        managers = {entry["manager"] for entry in cluster.get("Secret", place, "x")["metadata"]["managedFields"]}
        assert managers == {"other", "somebody"}, place
    stack.expect_empty()
    stack.destroy()


# --- Values of other Secrets ----------------------------------------------------------------------


def test_a_secret_that_is_made_anew_is_followed(stack, cluster, work):
    """What is composed of its values is written again, however it came to be made anew: its revision is a new one."""
    stack.write(secrets({"name": "source", "namespace": work, "generate": {"p": {}}})
                + hcl.block('ephemeral "charon_kubernetes_secret" "source"', {
                    "name": Expression("charon_secret.source.name"), "namespace": work,
                    "revision": Expression("charon_secret.source.revision")})
                + secrets({"name": "url", "namespace": work,
                           "data_wo": {"p": Expression("ephemeral.charon_kubernetes_secret.source.data.p")},
                           "data_wo_version": Expression("charon_secret.source.revision")}))
    stack.apply()
    before = data_of(cluster, work, "source")
    assert data_of(cluster, work, "url") == before
    stack.apply("-replace=charon_secret.source")
    again = data_of(cluster, work, "source")
    assert data_of(cluster, work, "url") == again != before
    cluster.api.delete("Secret", work, "source")
    stack.apply()
    assert data_of(cluster, work, "url") == data_of(cluster, work, "source") != again
    stack.expect_empty()
    stack.destroy()


@pytest.mark.one_cli("what is sent is the same")
def test_a_rotation_reaches_what_is_copied_in_the_same_run(stack, cluster, work):
    def write(trigger):
        stack.write(secrets(
            {"name": "source", "namespace": work, "generate": {"p": {"rotation_trigger": trigger}}},
            {"name": "copy", "namespace": work, "copy": {"p": {
                "secret": Expression("charon_secret.source.name"), "revision": Expression("charon_secret.source.revision")}}}))

    write("1")
    stack.apply()
    revision = stack.state()["charon_secret.copy"]["revision"]
    write("2")
    assert stack.apply().actions == {"charon_secret.source": "update", "charon_secret.copy": "update"}
    assert data_of(cluster, work, "copy") == data_of(cluster, work, "source")
    assert stack.state()["charon_secret.copy"]["revision"] == revision + 1
    stack.expect_empty()
    stack.destroy()


@pytest.mark.one_cli("the same answer")
def test_a_type_without_a_name_is_refused(stack, cluster, work):
    stack.write(secrets({"name": "x", "namespace": work, "type": ""}))
    error, = stack.validate(fails=True)
    assert "Opaque" in error.text and error.code.startswith("type"), error
