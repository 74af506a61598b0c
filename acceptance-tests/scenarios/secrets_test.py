"""No secret value is found anywhere: state, saved plans, TRACE logs, process arguments, diagnostics."""

import base64
import json

import pytest

from entries import make_namespace
from harness import hcl, leaks
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
