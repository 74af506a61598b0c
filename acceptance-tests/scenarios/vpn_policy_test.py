"""charon_vpn_policy on each generation of Headscale: set, followed, protected, refused, put back; and the provider's own
judgement of policies beside the servers'."""

import json
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from harness import hcl
from harness.cli import ROOT
from harness.front import Front
from harness.headscale import SERVERS

pytestmark = [pytest.mark.one_cli("about the provider and the server"),
              pytest.mark.own_server("a server has one policy"),
              pytest.mark.thorough("goes deep where others go broad")]

VERDICTS = json.loads((ROOT / "provider/clients/headscale/policy/testdata/verdicts.json").read_text())


def policy(text=None, label="this", **attributes):
    if text is not None:
        attributes["policy"] = text
    return hcl.resource("charon_vpn_policy", label, attributes)


def user_name(headscale, name):
    """As a policy of that generation has it."""
    return name if headscale.is_old else f"{name}@"


def dev(headscale, ports="443", more=""):
    """A policy in which group:dev reaches tag:web."""
    return f"""// Who works here.
{{
  "groups": {{"group:dev": ["{user_name(headscale, 'ann')}", "{user_name(headscale, 'bob')}"]}},
  "tagOwners": {{"tag:web": ["group:dev"], "tag:db": ["group:dev"]}},
  "acls": [
    {{"action": "accept", "proto": "tcp", "src": ["group:dev"], "dst": ["tag:web:{ports}"]}},{more}
  ],
}}
"""


def changes(plan):
    """The lines of who gains and loses."""
    return [line.strip() for w in plan.warnings if w.summary == "VPN policy changes who reaches whom"
            for line in w.detail.splitlines() if line.strip().startswith(("gains", "loses"))]


@pytest.mark.each_cli("what a user meets first")
def test_a_policy_lives_and_stays(vpn_stack, headscale):
    first = dev(headscale)
    data = 'data "charon_vpn_policy" "this" {\n  depends_on = [charon_vpn_policy.this]\n}\n'
    output = 'output "stored" {\n  value = data.charon_vpn_policy.this.policy\n}\n'
    vpn_stack.write(policy(first))
    plan = vpn_stack.apply()
    assert headscale.policy() == first  # with its comments
    assert any(line.startswith("loses  ") for line in changes(plan)), plan.warnings  # everything was allowed

    # Somebody writes the same in other words: no change, and nothing is sent.
    vpn_stack.write(policy(first) + data + output)
    headscale.set_policy(json.dumps(json.loads("\n".join(first.splitlines()[1:]).replace(",\n  ],\n}", "]}").replace(",]", "]"))))
    words = headscale.policy()
    vpn_stack.apply()
    assert headscale.policy() == words and vpn_stack.state().outputs["stored"] == words
    assert vpn_stack.state()["charon_vpn_policy.this"]["policy"] == first

    # Somebody opens a port: told by meaning, and set back together with a change of ours.
    headscale.set_policy(dev(headscale, "22,443"))
    more = '\n    {"action": "accept", "proto": "tcp", "src": ["tag:web"], "dst": ["tag:db:5432"]},'
    vpn_stack.write(policy(dev(headscale, more=more)))
    plan = vpn_stack.apply()
    assert changes(plan) == ["gains  tag:web -> tag:db: tcp 5432", "loses  group:dev -> tag:web: tcp 22"]
    assert headscale.policy() == dev(headscale, more=more)

    # Import; from text to an object of the same meaning.
    vpn_stack.run("state", "rm", "charon_vpn_policy.this")
    vpn_stack.import_("charon_vpn_policy.this", "policy")
    vpn_stack.expect_empty()
    assert vpn_stack.import_("charon_vpn_policy.other", "7", fails=True).says("policy")

    result = vpn_stack.destroy()
    assert any(w.summary == "VPN policy stays in force" for w in result.warnings), result
    assert headscale.policy() == dev(headscale, more=more)


@pytest.mark.each_cli("what a user meets first")
def test_another_policy_is_taken_over_protected_and_put_back(vpn_stack, headscale):
    before = dev(headscale, "22")
    headscale.set_policy(before)
    vpn_stack.write(policy(dev(headscale)))
    (said,) = [w for w in vpn_stack.plan().warnings if "unable to create" in w.summary]
    assert "has a policy already" in said.text
    assert vpn_stack.apply(fails=True).says("has a policy already", 'on_conflict = "adopt"')
    assert headscale.policy() == before

    # As an object, with parts that another resource makes.
    dev_users = [user_name(headscale, "ann"), user_name(headscale, "bob")]
    config = hcl.resource("charon_vpn_user", "ann", {"name": "ann"}) + """
resource "charon_vpn_policy" "this" {
  object = {
    groups    = { "group:dev" = [%s, %s] }
    tagOwners = { "tag:web" = ["group:dev"], "tag:db" = ["group:dev"] }
    acls      = [{ action = "accept", proto = "tcp", src = ["group:dev"], dst = ["tag:web:22,443"] }]
  }
  protect     = [{ src = "group:dev", dst = "tag:web:22" }]
  on_conflict = "adopt"
  on_destroy  = "restore"
}
""" % ('charon_vpn_user.ann.name' if headscale.is_old else '"${charon_vpn_user.ann.name}@"', json.dumps(dev_users[1]))
    vpn_stack.write(config)
    plan = vpn_stack.apply()
    assert plan.actions["charon_vpn_policy.this"] == "create"
    assert json.loads(headscale.policy())["groups"] == {"group:dev": dev_users}

    # What is protected cannot go; the rule that gives it is named.
    vpn_stack.write(config.replace("tag:web:22,443", "tag:web:443"))
    refused = vpn_stack.plan(fails=True)
    assert refused.says("group:dev does not reach tag:web:22", "now it does by acls[0]"), refused
    assert "22,443" in headscale.policy()

    vpn_stack.write(config)
    vpn_stack.destroy()
    assert headscale.policy() == before


def test_what_is_wrong_is_told_with_its_place(vpn_stack, headscale):
    """All in one plan: one resource each."""
    wrong = {
        "syntax": ('{\n  "acls": [\n    {"action" "accept"}\n  ]\n}', "Line 3, column 15: a colon is expected"),
        "group": ('{"acls": [{"action": "accept", "src": ["group:none"], "dst": ["*:*"]}]}', 'there is no group "group:none"'),
        "port": ('{"acls": [{"action": "accept", "src": ["*"], "dst": ["10.0.0.1:https"]}]}', '"https" in "10.0.0.1:https" is no list of ports'),
        "action": ('{"acls": [{"action": "deny", "src": ["*"], "dst": ["*:*"]}]}', 'the action "deny" is not known'),
        "list": ('{"acls": {}}', "must be an array, not an object"),
    }
    later = {
        "user": ('{"hosts": {"db": "10.0.0.5"}, "acls": [{"action": "accept", "src": ["ann"], "dst": ["db:1"]}]}', '"ann@"', 26),
        "tag": ('{"tagOwners": {"tag:web": []}, "hosts": {"db": "10.0.0.5"}, "acls": [{"action": "accept", "src": ["web"], "dst": ["db:1"]}]}',
                'Did you mean "tag:web"?', 26),
        "owner": ('{"hosts": {"db": "10.0.0.5"}, "tagOwners": {"web": []}, "acls": []}', 'the name of a tag starts with "tag:"', 27),
    }
    minor = int(headscale.version.split(".")[1])
    for label, (text, message, since) in later.items():
        if minor >= since:
            wrong[label] = (text, message)
    # What every generation refuses is told without a server.
    vpn_stack.write("".join(policy(text, label) for label, (text, _) in wrong.items() if label not in later))
    errors = vpn_stack.validate(fails=True)
    for label, (text, message) in wrong.items():
        assert label in later or any(message in e.text for e in errors), (label, errors)
    if set(later) & set(wrong):
        vpn_stack.write("".join(policy(wrong[label][0], label) for label in later if label in wrong))
        assert vpn_stack.validate() == []
        plan = vpn_stack.plan(fails=True)
        for label in set(wrong) & set(later):
            assert any(e.address == f"charon_vpn_policy.{label}" and wrong[label][1] in e.text for e in plan.errors), (label, plan)
    assert headscale.policy() is None


@pytest.mark.real_only("the sandbox judges no policy")
@pytest.mark.versions("0.23")
def test_what_only_the_nodes_decide_is_told_by_the_plan(vpn_stack, headscale):
    """0.23 cannot be asked beforehand, and refuses a tag that nobody owns unless a node carries it."""
    vpn_stack.write(policy('{"hosts": {"db": "10.0.0.5"}, "acls": [{"action": "accept", "src": ["tag:web"], "dst": ["db:1"]}]}'))
    failed = vpn_stack.apply(fails=True)
    assert failed.says("tag:web", "no forced tags are defined"), failed
    said = [w for w in vpn_stack.plan().warnings if "The server will refuse" in w.summary]
    assert len(said) == 1 and 'there is no tag "tag:web"' in said[0].text and "no node carries it" in said[0].text, said
    headscale.new_user("web")
    machine = headscale.machine("web")
    machine.register(headscale.new_key("web", tags=()))
    headscale.set_tags(machine.id, "tag:web")
    plan = vpn_stack.apply()
    assert not [w for w in plan.warnings if "The server will refuse" in w.summary], plan.warnings
    assert "tag:web" in headscale.policy()


@pytest.mark.real_only("the sandbox judges no policy")
def test_verdicts_are_those_of_the_servers(headscale, request):
    """The table that the provider's own checks are tested with, asked again: no policy is refused that the server takes,
    and what it refuses is refused."""
    for case in VERDICTS:
        code, answer = headscale.send("PUT", "policy", {"policy": case["policy"]})
        refused = code != 200
        assert refused == (headscale.version in case["refused_by"]), (case["name"], code, answer)


PAIRS = [(src, f"{dst}:{port}") for src in ("ann@", "bob@", "carl@", "tag:web", "tag:db", "group:dev", "100.64.0.2")
         for dst in ("ann@", "bob@", "tag:web", "tag:db", "100.64.0.4") for port in (22, 443, 5432)]
REACH = """{
  "groups": {"group:dev": ["ann@", "bob@"]},
  "tagOwners": {"tag:web": ["group:dev"], "tag:db": ["group:dev"]},
  "hosts": {"bobs": "100.64.0.2"},
  "acls": [
    {"action": "accept", "src": ["group:dev"], "dst": ["tag:web:22,443"]},
    {"action": "accept", "proto": "tcp", "src": ["tag:web"], "dst": ["tag:db:5432"]},
    {"action": "accept", "src": ["autogroup:tagged"], "dst": ["ann@:22"]},
    {"action": "accept", "src": ["bobs"], "dst": ["tag:db:1-1000"]},
    {"action": "accept", "proto": "udp", "src": ["carl@"], "dst": ["tag:web:443"]},
  ],
  "grants": [
    {"src": ["carl@"], "dst": ["tag:db"], "ip": ["tcp:400-500"]},
    {"src": ["autogroup:member"], "dst": ["bob@"], "ip": ["tcp:443"]},
  ],
}"""


@pytest.mark.real_only("the sandbox runs no tests of a policy")
@pytest.mark.versions("0.29")
def test_reach_is_that_of_the_server(vpn_stack, headscale):
    """policy_reach and the server's own tests of a policy agree on every pair, with a node for everybody."""
    for number, owner in enumerate(("ann", "bob", "carl", "web", "db")):
        headscale.new_user(owner)
        key = f"hskey-authreq-{number:024}"
        headscale.ask("POST", "debug/node", {"user": owner, "key": key, "name": owner, "routes": []})
        headscale.ask("POST", f"node/register?user={owner}&key={key}")
    headscale.set_policy(REACH)
    nodes = {node["name"]: node for node in headscale.nodes()}
    for tag in ("web", "db"):
        headscale.set_tags(nodes[tag]["id"], f"tag:{tag}")
    assert nodes["bob"]["ipAddresses"][0] == "100.64.0.2" and nodes["web"]["ipAddresses"][0] == "100.64.0.4"

    # Both know the nodes by their addresses only through their owners, so pairs of addresses are asked by owner.
    pairs = [(s, d) for s, d in PAIRS if "100.64" not in s and "100.64" not in d and s.rstrip("@") != d.split("@")[0]]
    rows = ",\n".join(f'    provider::charon::policy_reach(local.policy, {json.dumps(s)}, {json.dumps(d)}).reaches' for s, d in pairs)
    vpn_stack.write(f"locals {{\n  policy = <<-EOT\n{REACH}\n  EOT\n  rows = [\n{rows},\n  ]\n}}\noutput \"rows\" {{\n  value = local.rows\n}}\n")
    vpn_stack.apply(checked=False)
    ours = dict(zip(pairs, vpn_stack.state().outputs["rows"], strict=True))
    assert 5 < sum(ours.values()) < len(pairs) - 5
    # A symbolic answer does not know that "bobs" is bob's device.
    symbolic = {pair for pair in pairs if pair[0] in ("bob@", "group:dev") and pair[1].startswith("tag:db")}

    tests = [{"src": s, "proto": "tcp", "accept" if reaches else "deny": [d]} for (s, d), reaches in ours.items() if (s, d) not in symbolic]
    with_tests = REACH.rstrip()[:-1] + f', "tests": {json.dumps(tests)}}}'
    with_tests = with_tests.replace('],\n, "tests"', '],\n  "tests"')
    assert headscale.send("POST", "policy/check", {"policy": with_tests})[0] == 200, headscale.send("POST", "policy/check", {"policy": with_tests})
    # And a test that fails is told at the plan, by the server.
    wrong = with_tests.replace('"deny": ["tag:db:22"]', '"accept": ["tag:db:22"]', 1)
    assert wrong != with_tests
    vpn_stack.write(policy(wrong, on_conflict="adopt"))
    assert vpn_stack.plan(fails=True).says("expected ALLOWED, got DENIED")
    # With its nodes, the provider knows whose device "bobs" is: this holds only by the address.
    vpn_stack.write(policy(REACH, on_conflict="adopt", protect=[{"src": "bob@", "dst": "tag:db:22"}, {"src": "carl@", "dst": "tag:db:443"}]))
    vpn_stack.apply()
    vpn_stack.write(policy(REACH.replace("1-1000", "1-21"), protect=[{"src": "bob@", "dst": "tag:db:22"}]))
    assert vpn_stack.plan(fails=True).says("bob@ does not reach tag:db:22", "now it does by acls[3]", "bobs -> tag:db:1-1000")


@pytest.mark.real_only("a server of another configuration")
def test_a_server_with_a_file_says_so(request, folder, cli, bare_stack, headscale):
    """It cannot be set by the API, and can be read."""
    text = dev(headscale)
    file = folder / "policy.hujson"
    file.write_text(text)
    place = pathlib.Path(tempfile.mkdtemp(prefix="charon-"))  # a socket's path may have 107 bytes only
    subprocess.run([SERVERS, "start", "headscale", "--version", headscale.version, "--dir", place, "--policy-file", file], check=True, capture_output=True)
    try:
        record = json.loads((place / "headscale.json").read_text())
        bare_stack.environment |= {"HEADSCALE_ENDPOINT": record["endpoint"], "HEADSCALE_API_KEY": record["api_key"]}
        bare_stack.write(policy(dev(headscale, "22")))
        assert bare_stack.plan(fails=True).says("reads its policy from a file", 'policy.mode to "database"')
        bare_stack.write('data "charon_vpn_policy" "this" {}\noutput "mode" {\n  value = [data.charon_vpn_policy.this.mode, data.charon_vpn_policy.this.policy]\n}\n')
        bare_stack.apply(checked=False)
        assert bare_stack.state().outputs["mode"] == ["file", text]
    finally:
        subprocess.run([SERVERS, "stop", "--dir", place], check=True, capture_output=True)
        shutil.rmtree(place)


def test_plans_without_a_server_and_with_unknown_parts(vpn_stack, headscale):
    """A server that does not answer is checked against less; what is not known yet plans as unknown."""
    vpn_stack.write(policy(dev(headscale)))
    plan = vpn_stack.plan(environment={"HEADSCALE_ENDPOINT": "http://127.0.0.1:9"})
    assert plan.actions == {"charon_vpn_policy.this": "create"}
    unknown = hcl.resource("terraform_data", "name", {"input": user_name(headscale, "ann")}) + """
resource "charon_vpn_policy" "this" {
  policy = jsonencode({ groups = { "group:dev" = [terraform_data.name.output] }, acls = [] })
}
output "reach" {
  value = provider::charon::policy_reach({ groups = { "group:dev" = [terraform_data.name.output] }, acls = [] }, "group:dev", "*").reaches
}
"""
    vpn_stack.write(unknown)
    vpn_stack.apply()
    assert json.loads(headscale.policy())["groups"] == {"group:dev": [user_name(headscale, "ann")]}
    assert vpn_stack.state().outputs["reach"] is False


def test_a_lost_answer_and_a_kill_leave_the_policy(vpn_stack, headscale):
    """The server did it, the provider was never told: it is sent again, or found in the next run, and is no conflict."""
    front = Front(headscale.endpoint)
    vpn_stack.environment["HEADSCALE_ENDPOINT"] = front.url
    try:
        front.on("PUT", "/policy$", acted=True, drop=True)
        vpn_stack.write(policy(dev(headscale)))
        vpn_stack.apply(checked=False)
        assert headscale.policy() == dev(headscale)
        assert front.writes().count("PUT /api/v1/policy") == 2
        vpn_stack.destroy()

        headscale.set_policy("// nothing\n" + dev(headscale, "22"))
        vpn_stack.write(policy(dev(headscale, "23"), on_conflict="adopt"))
        front.on("PUT", "/policy$", acted=True)
        running = vpn_stack.start("apply", "-json", "-input=false", "-auto-approve")
        front.wait_until_held()
        vpn_stack.allowed |= {"Plugin did not respond", "Plugin error", "plugin crashed"}
        running.kill_provider()
        assert vpn_stack.finish(running).code == 1
        front.heal()
        assert headscale.policy() == dev(headscale, "23")
        vpn_stack.write(policy(dev(headscale, "23")))
        vpn_stack.apply()
        assert headscale.policy() == dev(headscale, "23")
    finally:
        front.close()


def test_examples_are_applied(vpn_stack, headscale):
    """What users copy, one after the other: applied, planned again without changes, imported, destroyed."""
    (vpn_stack.config / "required.tf").unlink()
    for kind, name, file in (("functions", "hujson_normalize", "function"), ("functions", "policy_reach", "function"),
                             ("data-sources", "charon_vpn_policy", "data-source"), ("resources", "charon_vpn_policy", "resource")):
        vpn_stack.write_file("main.tf", (ROOT / "examples" / kind / name / f"{file}.tf").read_text())
        vpn_stack.apply()
    assert '"printer"' in headscale.policy()
    vpn_stack.run("state", "rm", "charon_vpn_policy.this")
    vpn_stack.write_file("import.tf", (ROOT / "examples/resources/charon_vpn_policy/import.tf").read_text())
    vpn_stack.apply()
    vpn_stack.destroy()
