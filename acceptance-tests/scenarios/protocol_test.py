"""Calls that the Terraform at hand (1.11) does not make: lists, actions, identity, generated configuration; and
moves from other providers' resources."""

import copy
import json
import re

import pytest

from entries import ENTRIES, config_map, make_namespace
from examples import EXAMPLES
from harness import hcl
from harness.plugin import UNKNOWN, Plugin, decode

pytestmark = pytest.mark.one_cli("the program under test is asked directly")


@pytest.fixture
def plugin(folder, cluster, stack):
    environment = {"KUBE_CONFIG_PATH": str(cluster.kubeconfig)}
    with Plugin(stack.provider, folder / "plugin", environment) as running:
        running.configure({})
        yield running


def cluster_id(cluster):
    return cluster.get("Namespace", None, "kube-system")["metadata"]["uid"]


def applied(stack, cluster, entry, names):
    """The attributes of a resource that terraform has made, and its address."""
    entry.prepare(cluster, names)
    attributes = entry.importable(names)
    stack.write(hcl.resource(entry.type, "subject", attributes))
    stack.apply(checked=False)
    return attributes


# --- Lists --------------------------------------------------------------------------------------


def test_list_of_namespaces(plugin, cluster, names):
    team = names("team")
    for number in range(5):
        cluster.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {
            "name": names(f"n{number}"), "labels": {"team": team, "tier": "3-edge" if number else "4-aux"},
        }})

    def listed(config, **how):
        return list(plugin.list_resource("charon_tier_namespace", config, **how))

    events = listed({"label_selector": f"team={team}"})
    assert sorted(decode(e.identity.identity_data.msgpack)["name"] for e in events) == [
        names(f"n{n}") for n in range(5)
    ]
    assert all(e.display_name and not e.HasField("resource_object") for e in events)
    assert {decode(e.identity.identity_data.msgpack)["cluster"] for e in events} == {cluster_id(cluster)}
    assert len(listed({"label_selector": f"team={team}", "tier": "3-edge"})) == 4
    assert len(listed({"label_selector": f"team={team}"}, limit=2)) == 2
    (event,) = listed({"label_selector": f"team={team}", "tier": "4-aux"}, include=True)
    resource = decode(event.resource_object.msgpack)
    assert resource["name"] == names("n0") and resource["labels"] == {"team": team}


def test_list_of_objects(plugin, cluster, names):
    make_namespace(cluster, names("work"))
    for number in range(3):
        one = config_map(names, number=str(number))
        one["metadata"]["name"] = f"c{number}"
        cluster.api.create(one)
    question = {"api_version": "v1", "kind": "ConfigMap", "namespace": names("work"), "label_selector": "app=x"}
    events = list(plugin.list_resource("charon_kubernetes_manifest", question, include=True))
    for number, event in enumerate(events):
        identity = decode(event.identity.identity_data.msgpack)
        assert identity == {"api_version": "v1", "kind": "ConfigMap", "namespace": names("work"), "name": f"c{number}",
                            "cluster": cluster_id(cluster)}
        manifest = json.loads(decode(event.resource_object.msgpack)["manifest"])
        assert manifest["data"] == {"number": str(number)}
        assert not {"uid", "resourceVersion", "managedFields"} & manifest["metadata"].keys()
    assert len(events) == 3


def test_a_list_of_an_unknown_kind_says_so(plugin):
    events = list(plugin.list_resource("charon_kubernetes_manifest", {"api_version": "example.org/v1", "kind": "No"}))
    assert [e.diagnostic[0].severity for e in events] == [1]
    assert "example.org/v1" in events[0].diagnostic[0].detail


def test_lists_name_the_argument_that_is_wrong(plugin, cluster):
    """An argument that is dropped would list what nobody asked for."""
    def error(kind, question):
        (event,) = plugin.list_resource(kind, question)
        return event.diagnostic[0].attribute.steps[0].attribute_name, event.diagnostic[0].detail

    where, says = error("charon_kubernetes_manifest", {"api_version": "v1", "kind": "Namespace", "namespace": "default"})
    assert where == "namespace" and "Leave `namespace` out" in says, says
    for kind, more in (("charon_kubernetes_manifest", {"api_version": "v1", "kind": "Pod"}), ("charon_tier_namespace", {})):
        where, says = error(kind, {"label_selector": "a in (b"} | more)
        assert where == "label_selector" and "as kubectl's -l" in says, says
    block = plugin.schema.list_resource_schemas["charon_tier_namespace"].block
    (refused,) = plugin.call("ValidateListResourceConfig", plugin.request(
        "ValidateListResourceConfig", type_name="charon_tier_namespace", config=plugin.value(block, {"tier": "a,b"}))).diagnostics
    assert refused.attribute.steps[0].attribute_name == "tier" and "a,b" in refused.detail, refused


@pytest.mark.sandbox_only("asks no server")
def test_a_list_of_a_version_that_none_is_says_so_before_it_asks(plugin):
    block = plugin.schema.list_resource_schemas["charon_kubernetes_manifest"].block
    for version in ("v2", "apps", "apps/v1/x", "Apps/v1", ""):
        (error,) = plugin.call("ValidateListResourceConfig", plugin.request(
            "ValidateListResourceConfig", type_name="charon_kubernetes_manifest",
            config=plugin.value(block, {"api_version": version, "kind": "Deployment"}))).diagnostics
        assert [step.attribute_name for step in error.attribute.steps] == ["api_version"], error
        assert f'ust be "v1", or a group and a version such as "apps/v1", not "{version}"' in error.detail


# --- Examples of both ---------------------------------------------------------------------------

NEWER = sorted(path for kind in ("actions", "list-resources") for path in (EXAMPLES / kind).glob("*/*"))


def taken_out(text, head):
    """The text without the blocks that begin with the pattern, and these."""
    blocks = []
    while begin := re.search(head, text, re.MULTILINE):
        depth, end = 0, begin.start()
        while depth or "{" not in text[begin.start():end]:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        blocks.append(text[begin.start():end])
        text = text[:begin.start()] + text[end:]
    return text, blocks


@pytest.mark.sandbox_only("asks no server")
@pytest.mark.parametrize("path", NEWER, ids=lambda path: path.parent.name)
def test_examples_that_need_a_newer_terraform_are_valid(stack, plugin, cluster, path):
    """What is left without the new blocks is validated by the program, each `config` by the provider."""
    rest, blocks = taken_out(path.read_text(), r'^(action|list) "')
    rest, triggers = taken_out(rest, r"^ *lifecycle ")
    assert len(blocks) == 1 and all("action_trigger" in trigger for trigger in triggers)
    stack.write(taken_out(rest, "^terraform ")[0])
    assert stack.validate() == []

    kind, type_ = re.match(r'(action|list) "(\w+)"', blocks[0]).groups()
    (body,) = taken_out(blocks[0], r"^ *config ")[1]
    # What it refers to has no value here.
    body = re.sub(r"\bcharon_\w+\.\w+\.\w+\b", '"reference"', body.partition("{")[2])
    stack.write(f'output "config" {{\n  value = {{{body}\n}}\n')
    stack.run("apply", "-input=false", "-auto-approve")
    config = json.loads(stack.run("output", "-json", "config").stdout)
    call, block = (("ValidateActionConfig", plugin.schema.action_schemas[type_].schema.block) if kind == "action"
                   else ("ValidateListResourceConfig", plugin.schema.list_resource_schemas[type_].block))
    assert config.keys() <= {attribute.name for attribute in block.attributes}
    assert config.keys() >= {attribute.name for attribute in block.attributes if attribute.required}
    plugin.ask(call, type_name=type_, config=plugin.value(block, config))


# --- Actions ------------------------------------------------------------------------------------


def deployment(names, replicas=2):
    return {
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": names("work")},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": "example.org/web:1"}]},
            },
        },
    }


def ready(cluster, names):
    def is_ready():
        live = cluster.get("Deployment", names("work"), "web")
        status = live.get("status", {})
        return (status.get("readyReplicas") == live["spec"]["replicas"]
                and status.get("observedGeneration") == live["metadata"]["generation"])

    cluster.api.eventually(is_ready, "the deployment")


def test_restart(plugin, stack, cluster, names):
    make_namespace(cluster, names("work"))
    stack.write(hcl.resource("charon_kubernetes_manifest", "web", {"manifest": json.dumps(deployment(names))}))
    stack.apply()
    ready(cluster, names)
    before = {p["metadata"]["uid"] for p in cluster.api.list("Pod", names("work"))}
    config = {"kind": "Deployment", "namespace": names("work"), "name": "web"}
    events = plugin.invoke_action("charon_kubernetes_restart", config)
    kinds = [event.WhichOneof("type") for event in events]
    assert kinds[:-1] == ["progress"] * (len(kinds) - 1) and kinds[-1] == "completed" and len(kinds) >= 2
    assert list(events[-1].completed.diagnostics) == []
    after = {p["metadata"]["uid"] for p in cluster.api.list("Pod", names("work"))
             if "deletionTimestamp" not in p["metadata"]}
    assert not before & after
    # What restarted it is nobody's configuration: nothing is planned, and nothing undoes it.
    stack.expect_empty()
    stack.destroy()


def test_restart_of_what_is_not_there(plugin, names):
    config = {"kind": "Deployment", "namespace": "default", "name": names("nothing")}
    events = plugin.invoke_action("charon_kubernetes_restart", config)
    assert [e.WhichOneof("type") for e in events] == ["completed"]
    (diagnostic,) = events[0].completed.diagnostics
    assert diagnostic.severity == 1 and names("nothing") in diagnostic.detail


def test_a_restart_that_restarts_nothing_says_so(plugin, cluster, names):
    make_namespace(cluster, names("work"))
    paused = deployment(names)
    paused["spec"]["paused"] = True
    by_hand = deployment(names) | {"kind": "StatefulSet"}
    by_hand["spec"] |= {"serviceName": "web", "updateStrategy": {"type": "OnDelete"}}
    held = copy.deepcopy(by_hand)
    held["metadata"]["name"] = "held"
    held["spec"]["updateStrategy"] = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
    for one in (paused, by_hand, held):
        cluster.api.create(one)

    def restarted(kind, name):
        annotations = cluster.get(kind, names("work"), name)["spec"]["template"]["metadata"].get("annotations", {})
        return "kubectl.kubernetes.io/restartedAt" in annotations

    # As kubectl, which refuses it: no pod would be made, and the wait would be for ever.
    config = {"kind": "Deployment", "namespace": names("work"), "name": "web"}
    events = plugin.invoke_action("charon_kubernetes_restart", config)
    assert [e.WhichOneof("type") for e in events] == ["completed"]
    (refused,) = events[0].completed.diagnostics
    assert refused.severity == 1 and "is paused" in refused.detail and "kubectl rollout resume" in refused.detail
    assert not restarted("Deployment", "web")

    # As kubectl, too, which marks the template: pods that somebody deletes come back new. But none of them was deleted.
    for name, why in (("web", "OnDelete"), ("held", "partition")):
        config = {"kind": "StatefulSet", "namespace": names("work"), "name": name}
        events = plugin.invoke_action("charon_kubernetes_restart", config)
        assert not [e for e in events if "new and ready" in e.progress.message]
        (told,) = events[-1].completed.diagnostics
        assert told.severity == 2 and told.summary == "No pod was restarted" and why in told.detail
        assert restarted("StatefulSet", name)


def test_an_action_plans_with_unknown_configuration(plugin):
    block = plugin.schema.action_schemas["charon_kubernetes_restart"].schema.block
    config = plugin.value(block, {"kind": "Deployment", "namespace": UNKNOWN, "name": UNKNOWN})
    plugin.ask("ValidateActionConfig", type_name="charon_kubernetes_restart", config=config)
    plugin.ask("PlanAction", action_type="charon_kubernetes_restart", config=config)


# --- Identity -----------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_import_by_identity(entry, plugin, stack, cluster, names, exclusive):
    with exclusive(entry.exclusive or f"nobody-{names('x')}"):
        attributes = applied(stack, cluster, entry, names)
        wanted = entry.identity(attributes)
        schema = plugin.identity_schemas[entry.type]
        assert wanted.keys() <= {a.name for a in schema.identity_attributes}
        required = {a.name for a in schema.identity_attributes if a.required_for_import}
        given = {a.name: wanted.get(a.name) for a in schema.identity_attributes}
        assert required <= wanted.keys()

        imported = import_(plugin, entry, given)
        state = read(plugin, entry, imported)
        by_id = plugin.ask("ImportResourceState", type_name=entry.type, id=entry.import_id(attributes))
        assert state == read(plugin, entry, by_id.imported_resources[0])
        # The identity that comes back is whole, and of this cluster.
        whole = decode(imported.identity.identity_data.msgpack)
        assert wanted.items() <= whole.items()
        assert whole["cluster"] == cluster_id(cluster)
        assert import_(plugin, entry, whole)
        stack.destroy()


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_an_identity_of_another_cluster_is_refused(entry, plugin, names):
    identity = {a.name: None for a in plugin.identity_schemas[entry.type].identity_attributes}
    identity |= entry.identity(entry.minimal(names)) | {"cluster": "11111111-2222-3333-4444-555555555555"}
    answer = plugin.call("ImportResourceState", plugin.request(
        "ImportResourceState", type_name=entry.type, identity=identity_data(identity)))
    assert [d.severity for d in answer.diagnostics] == [1] and "11111111" in answer.diagnostics[0].detail


def identity_data(values):
    from harness.plugin import encode, messages

    tf = messages("tfplugin6")
    return tf.ResourceIdentityData(identity_data=tf.DynamicValue(msgpack=encode(values)))


def import_(plugin, entry, identity):
    answer = plugin.ask("ImportResourceState", type_name=entry.type, identity=identity_data(identity))
    (imported,) = answer.imported_resources
    assert imported.type_name == entry.type
    return imported


def read(plugin, entry, imported):
    answer = plugin.ask("ReadResource", type_name=entry.type, current_state=imported.state,
                        private=imported.private, current_identity=imported.identity)
    return decode(answer.new_state.msgpack)


# --- Generated configuration --------------------------------------------------------------------


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_generated_configuration_plans_nothing(entry, plugin, stack, cluster, names, exclusive):
    """GenerateResourceConfig (1.14): what it gives is valid, and plans no change of the state it came from."""
    with exclusive(entry.exclusive or f"nobody-{names('x')}"):
        attributes = applied(stack, cluster, entry, names)
        by_id = plugin.ask("ImportResourceState", type_name=entry.type, id=entry.import_id(attributes))
        state = plugin.ask("ReadResource", type_name=entry.type, current_state=by_id.imported_resources[0].state,
                           private=by_id.imported_resources[0].private).new_state
        config = plugin.ask("GenerateResourceConfig", type_name=entry.type, state=state).config
        plugin.ask("ValidateResourceConfig", type_name=entry.type, config=config)
        given = decode(config.msgpack)
        computed = {a.name for a in plugin.schema.resource_schemas[entry.type].block.attributes
                    if a.computed and not a.optional}
        assert all(given[name] is None for name in computed)
        # What core proposes: the configuration, and the prior value of what is computed.
        proposed = {k: decode(state.msgpack)[k] if k in computed else v for k, v in given.items()}
        planned = plugin.ask(
            "PlanResourceChange", type_name=entry.type, prior_state=state, config=config,
            proposed_new_state=plugin.resource_value(entry.type, proposed))
        before, after = decode(state.msgpack), decode(planned.planned_state.msgpack)
        # A service's first apply takes over what is there, and `objects` says so.
        changed = {name for name in before if before[name] != after[name]}
        assert changed == ({"objects"} if entry.import_takes_over else set())
        assert list(planned.requires_replace) == []
        stack.destroy()


# --- Moves --------------------------------------------------------------------------------------


def moved(plugin, source_type, source, target_type, provider="registry.terraform.io/hashicorp/kubernetes"):
    tf_raw = plugin.request("MoveResourceState", source_provider_address=provider, source_type_name=source_type,
                            target_type_name=target_type)
    tf_raw.source_state.json = json.dumps(source).encode()
    answer = plugin.call("MoveResourceState", tf_raw)
    assert not answer.diagnostics, answer.diagnostics
    return answer


def namespace_state(name, labels):
    """As hashicorp/kubernetes stores it."""
    return {
        "id": name, "timeouts": None, "wait_for_default_service_account": False,
        "metadata": [{"annotations": {}, "generate_name": "", "generation": 0, "labels": labels, "name": name,
                      "resource_version": "1", "uid": "x"}],
    }


MOVES = {
    "kubernetes_namespace": lambda names: (
        namespace_state(names("n"), {"team": "a"}), "charon_tier_namespace", {"name": names("n"), "labels": {"team": "a"}}),
    "kubernetes_namespace_v1": lambda names: (
        namespace_state(names("n"), {}), "charon_tier_namespace", {"name": names("n")}),
    "kubernetes_manifest": lambda names: (
        {"manifest": {"value": config_map(names, a="1"), "type": "dynamic"}, "object": None, "wait": None},
        "charon_kubernetes_manifest", {"manifest": json.dumps(config_map(names, a="1"))}),
    "kubectl_manifest": lambda names: (
        {"yaml_body": json.dumps(config_map(names, a="1")), "name": "x", "uid": "x", "live_uid": "x"},
        "charon_kubernetes_manifest", {"manifest": json.dumps(config_map(names, a="1"))}),
}


@pytest.mark.parametrize("source_type, source", [
    ("kubectl_manifest", lambda secret: {"yaml_body": json.dumps(secret)}),
    ("kubernetes_manifest", lambda secret: {"manifest": {"value": secret, "type": "dynamic"}}),
])
def test_a_moved_secret_leaves_its_values_behind(plugin, source_type, source):
    """They would be refused in every plan, and belong in manifest_wo."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "n"}, "type": "Opaque",
              "data": {"a": "cGFzc3dvcmQ="}, "stringData": {"b": "plain"}}
    state = moved(plugin, source_type, source(secret), "charon_kubernetes_manifest").target_state
    assert b"Opaque" in state.msgpack and b"cGFz" not in state.msgpack and b"plain" not in state.msgpack


@pytest.mark.parametrize("source_type", MOVES)
def test_a_move_from_another_provider_plans_nothing(plugin, stack, cluster, names, source_type):
    """`moved {}` from a resource of another provider: the state that terraform had before, with an object that
    this other provider (field manager Terraform, by update) made."""
    source, target_type, attributes = MOVES[source_type](names)
    if target_type == "charon_tier_namespace":
        cluster.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {
            "name": names("n"), "labels": source["metadata"][0]["labels"],
        }}, manager="HashiCorp")
    else:
        make_namespace(cluster, names("work"))
        cluster.api.create(config_map(names, a="1"), manager="Terraform")
    moved(plugin, source_type, source, target_type)

    # The same through terraform, with the state file it would have.
    provider = "alekc/kubectl" if source_type.startswith("kubectl") else "hashicorp/kubernetes"
    state = {
        "version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "11111111-2222-3333-4444-555555555555",
        "outputs": {}, "check_results": None,
        "resources": [{
            "mode": "managed", "type": source_type, "name": "old",
            "provider": f'provider["registry.{"terraform.io" if stack.cli.name == "terraform" else "opentofu.org"}/{provider}"]',
            "instances": [{"schema_version": 0, "attributes": source, "sensitive_attributes": []}],
        }],
    }
    stack.write_file("terraform.tfstate", json.dumps(state))
    stack.write(hcl.resource(target_type, "new", attributes)
                + f"moved {{\n  from = {source_type}.old\n  to   = {target_type}.new\n}}\n")
    plan = stack.plan()
    assert plan.actions in ({f"{target_type}.new": "move"}, {}), stack.show(plan)
    assert plan.summary["change"] == plan.summary["add"] == plan.summary["remove"] == 0
    stack.apply()
    stack.destroy()
