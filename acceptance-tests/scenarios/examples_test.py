"""What users copy is applied, planned again without changes, and destroyed."""

import re
import shutil

import pytest

import examples
from examples import EXAMPLES, copy, name
from service_examples_test import dns_service, expect_golden, raise_version

KINDS = ("resources", "data-sources", "ephemeral-resources", "functions", "stacks")
# What Terraform 1.14 has and none of the programs at hand: lists and actions are in protocol_test.py.
# first-platform needs a VPN server and machines that log in: platform_test.py.
FOLDERS = [folder for kind in KINDS for folder in sorted((EXAMPLES / kind).glob("*"))
           if folder.is_dir() and folder.name != "first-platform"]
IMPORTS = [folder for folder in FOLDERS if (folder / "import.tf").exists()]
# With each program on each cluster; the others meet the second program on the sandbox only.
STACKS = {folder for folder in FOLDERS if folder.parent.name == "stacks"}
CODE = re.compile(r"^```(?:terraform|hcl)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = [page for page in (EXAMPLES.parent / "README.md", *sorted((EXAMPLES.parent / "docs/guides").glob("*.md")))
         if CODE.search(page.read_text())]


@pytest.fixture
def taking_turns(exclusive, example):
    with examples.turns(exclusive, example):
        yield


# What the examples' machines are called, and the tags that their policy has.
VPN_HOST = "fw-router"
VPN_POLICY = """{
  "tagOwners": {"tag:infra": [], "tag:ci": []},
  "acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}],
}"""


@pytest.fixture
def vpn(example, request):
    """The environment of examples about the VPN, and the machines that they wait for or tell of."""
    text = examples.text(example)
    if '"charon_vpn_' not in text:
        return {}
    server = request.getfixturevalue("vpn_beside")
    if '"charon_vpn_policy"' not in text:
        server.set_policy(VPN_POLICY)
    if VPN_HOST in text and '"charon_vpn_node"' in text:
        key = server.new_key(server.new_user("routers"))
        server.machine(VPN_HOST).register(key, routes=("10.1.0.0/24", "10.2.0.0/24", "0.0.0.0/0", "::/0"))
    if "online = false" in text and server.kind == "sandbox":  # a real one takes 10 s to say so
        machine = server.machine("nas")
        machine.register(server.new_key(server.new_user("homes")))
        machine.offline()
    return server.environment


def parameters(folders):
    every_pair = pytest.mark.every_pair("what users copy")
    return [pytest.param(f, id=name(f), marks=[every_pair] if f in STACKS else []) for f in folders]


@pytest.mark.parametrize("example", parameters(FOLDERS))
@pytest.mark.usefixtures("taking_turns")
def test_example(stack, cluster, example, vpn, dns_service):
    copy(stack, example)
    stack.environment |= vpn | dns_service
    if example in examples.WITH_SERVICES:
        examples.equip(cluster)
    plan = stack.apply()
    if name(example) == "data-sources/charon_vpn_nodes" and cluster.kind == "sandbox":
        assert "nas is offline, last seen 20" in str(plan.warnings), plan
    if example in examples.WITH_SERVICES:
        expect_golden(cluster.api, stack.state(), example)
        raise_version(stack, cluster, example)
    if name(example) == "stacks/services":
        switch_off_all_but_redmine(stack, cluster)
    destroy_with_data(stack, cluster)
    assert stack.state().resources == {}


def kept_in(result):
    """Kind, namespace and name of what was kept, as warnings tell."""
    return [
        ref for warning in result.warnings if warning.summary == "Data was kept"
        for ref in re.findall(r"^- (\w+)/([\w-]+)/([\w.-]+)$", warning.detail, re.MULTILINE)
    ]


def switch_off_all_but_redmine(stack, cluster):
    """One variable says what runs; what depends on nothing that goes is not touched."""
    before = {address.partition("[")[0] for address in stack.state().resources}
    off = {f'charon_service.{one}["{one}"]' for one in ("grafana", "notebook", "ollama")}
    assert {address.partition("[")[0] for address in off} < before
    stack.environment["TF_VAR_enabled"] = '["redmine"]'
    plan = stack.apply(checked=False)
    assert plan.actions == dict.fromkeys(off, "delete"), stack.show(plan)
    kept = kept_in(plan.applied)
    assert {ref[2] for ref in kept} == {"grafana-data", "grafana-generated", "ollama-models"}
    for ref in kept:
        cluster.api.delete(*ref)
    stack.expect_empty()


def destroy_with_data(stack, cluster):
    """Destroys; where services keep their data, their namespaces are refused, and the data is deleted past the stack."""
    result = stack.run("destroy", "-json", "-input=false", "-auto-approve", codes=(0, 1))
    kept = kept_in(result)
    for error in result.errors:
        assert any(f"{kind}/{object_name}" in error.text for kind, _, object_name in kept), result
    for kind, namespace, object_name in kept:
        cluster.api.delete(kind, namespace, object_name)
    if result.code:
        stack.destroy()


@pytest.mark.parametrize("example", IMPORTS, ids=name)
@pytest.mark.usefixtures("taking_turns")
def test_example_of_an_import(stack, new_stack, cluster, example, vpn, dns_service):
    copy(stack, example)
    stack.environment |= vpn | dns_service
    stack.apply(checked=False)
    imported = new_stack("imported")
    imported.environment |= vpn | dns_service
    copy(imported, example)
    shutil.copy(example / "import.tf", imported.config)
    plan = imported.plan()
    (address,) = [a for a, change in plan.changes.items() if "importing" in change]
    assert plan.changes[address]["action"] in ("import", "noop", "update"), imported.show(plan)
    destroy_with_data(stack, cluster)


@pytest.mark.sandbox_only("asks no server")
@pytest.mark.one_cli("the format is the same")
def test_examples_are_formatted(stack):
    stack.config = EXAMPLES
    result = stack.run("fmt", "-recursive", "-check", "-list=true", codes=(0, 3))
    assert result.stdout == ""


@pytest.mark.sandbox_only("asks no server")
@pytest.mark.one_cli("the schema is the same")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_code_of_a_page_is_valid(stack, page):
    for code in CODE.findall(page.read_text()):
        stack.write(code)
        for file in re.findall(r'file\("(?:\${path.module}/)?([^"]+)"\)', code):
            stack.write_file(file, "{apiVersion: v1, kind: Service, metadata: {name: web, namespace: web}}" if "yaml" in file else "{}")
        # A block may refer to what another one declares.
        found = [d for d in stack.validate(fails=None) if "undeclared" not in d.summary]
        assert not found, f"{found[0]} in\n{code}"
