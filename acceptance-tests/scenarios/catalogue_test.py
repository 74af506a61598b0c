"""The whole surface, from `providers schema -json`."""

import pathlib
import re

import pytest

from entries import ENTRIES
from harness.clusters import Names

ELSEWHERE = ("vpn", "dns")
RESERVED = {"count", "for_each", "provider", "depends_on", "lifecycle", "connection", "provisioner", "locals"}


@pytest.fixture
def schema(stack):
    return stack.schema()


def blocks(schema):
    """Every schema block by a name for messages."""
    yield "provider", schema["provider"]["block"]
    for kind in ("resource_schemas", "data_source_schemas", "ephemeral_resource_schemas"):
        for name, one in schema.get(kind, {}).items():
            yield f"{kind} {name}", one["block"]


def attributes(block, path=""):
    """All attributes, nested ones too: (path, attribute)."""
    for name, attribute in block.get("attributes", {}).items():
        here = f"{path}.{name}" if path else name
        yield here, attribute
        if "nested_type" in attribute:
            yield from attributes(attribute["nested_type"], here)


@pytest.mark.sandbox_only("asks the executable only")
def test_every_attribute_has_a_type_and_a_text(schema):
    wanting = []
    for owner, block in blocks(schema):
        assert not block.get("block_types"), f"{owner}: nested attributes, not blocks"
        if owner != "provider" and not block.get("description"):
            wanting.append(f"{owner}: no description")
        for path, attribute in attributes(block):
            if len(attribute.get("description", "")) < 10:
                wanting.append(f"{owner}: {path} has no description")
            if "nested_type" not in attribute and "type" not in attribute:
                wanting.append(f"{owner}: {path} has no type")
            if attribute.get("type") == "dynamic" and path not in DYNAMIC.get(owner.split()[-1], ()):
                wanting.append(f"{owner}: {path} is dynamic")
    assert wanting == []


# Generated bindings of typed languages know nothing of these attributes: the catalogue allows them in the
# generic resources only, never inside a collection.
DYNAMIC = {
    # A key that Terraform drops leads to another server: docs/design/decisions/0015-unknown-keys.md
    "provider": ("aws", "cloudflare", "conventions", "headscale", "kubernetes", "powerdns", "rfc2136"),
    "charon_kubernetes_manifest": ("object",),
    "charon_kubernetes_object": ("object",),
    "charon_kubernetes_objects": (),
    "charon_vpn_policy": ("object",),  # the policy in HCL; as text it has a type
}


@pytest.mark.sandbox_only("asks the executable only")
def test_no_name_is_terraforms_own(schema):
    for owner, block in blocks(schema):
        assert not RESERVED & block.get("attributes", {}).keys(), owner


@pytest.mark.sandbox_only("asks the executable only")
@pytest.mark.one_cli("the schema is the same")
def test_every_resource_and_attribute_is_in_the_scenario_list(schema):
    names = Names()
    resources = schema["resource_schemas"]
    wanting = []
    # What lives on other servers than the cluster has scenarios of its own, each with every attribute.
    for area in ELSEWHERE:
        texts = "".join(path.read_text() for path in pathlib.Path(__file__).parent.glob(f"{area}_*_test.py"))
        for type_ in [t for t in resources if t.startswith(f"charon_{area}_")]:
            attributes = resources.pop(type_)["block"]["attributes"]
            settable = {name for name, attribute in attributes.items() if attribute.get("required") or attribute.get("optional")}
            words = set(re.findall(r"\w+", texts))
            wanting += [f"{type_}: {name} is in no {area}_*_test.py" for name in sorted((settable | {type_}) - words)]
    assert sorted(resources) == sorted({entry.type for entry in ENTRIES}), "resources and scenario entries differ"
    for entry in ENTRIES:
        attributes = resources[entry.type]["block"]["attributes"]
        full, updates = entry.full(names), entry.updates(names)
        for name, attribute in attributes.items():
            if not (attribute.get("required") or attribute.get("optional")):
                continue
            elsewhere = any(name in e.full(names) for e in ENTRIES if e.type == entry.type)
            if name not in full and not elsewhere:
                wanting.append(f"{entry}: {name} is not in `full`")
            elsewhere = any(name in e.updates(names) for e in ENTRIES if e.type == entry.type)
            if name not in updates and name not in entry.not_updated and not elsewhere:
                wanting.append(f"{entry}: {name} is not in `updates`")
        wanting += [f"{entry}: there is no {name}" for name in (full.keys() | updates.keys()) - attributes.keys()]
    assert wanting == []
