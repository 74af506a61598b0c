"""The part of an object that a manager owns."""

from harness.projection import documents, owned

POD = {
    "metadata": {"name": "a", "labels": {"ours": "1", "theirs": "2"}, "finalizers": ["x/ours", "x/theirs"]},
    "spec": {
        "replicas": 3,
        "args": ["a", "b"],
        "containers": [
            {"name": "main", "image": "i", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
            {"name": "injected", "image": "j"},
        ],
        "empty": {},
    },
}
FIELDS = {
    "f:metadata": {"f:labels": {"f:ours": {}}, "f:finalizers": {'v:"x/ours"': {}}},
    "f:spec": {
        "f:args": {},
        "f:containers": {'k:{"name":"main"}': {".": {}, "f:name": {}, "f:env": {'k:{"name":"B"}': {"f:value": {}}}}},
        "f:empty": {},
        "f:gone": {},
    },
}


def test_only_what_is_named_is_there():
    entry = {"manager": "m", "operation": "Apply", "fieldsV1": FIELDS}
    found = owned(POD | {"metadata": POD["metadata"] | {"managedFields": [entry]}}, "m")
    assert found == {
        "metadata": {"labels": {"ours": "1"}, "finalizers": ["x/ours"]},
        "spec": {
            "args": ["a", "b"],
            "containers": [{"name": "main", "env": [{"name": "B", "value": "2"}]}],
            "empty": {},
        },
    }


def test_other_managers_and_updates_do_not_count():
    entries = [
        {"manager": "m", "operation": "Update", "fieldsV1": FIELDS},
        {"manager": "other", "operation": "Apply", "fieldsV1": FIELDS},
        {"manager": "m", "operation": "Apply", "subresource": "scale", "fieldsV1": FIELDS},
    ]
    assert owned(POD | {"metadata": POD["metadata"] | {"managedFields": entries}}, "m") == {}


def test_what_two_own_counts_for_one():
    second = {"f:spec": {"f:containers": {'k:{"name":"main"}': {".": {}, "f:env": {'k:{"name":"B"}': {"f:value": {}}}}}}}
    entries = [
        {"manager": "m", "operation": "Apply", "fieldsV1": FIELDS},
        {"manager": "n", "operation": "Apply", "fieldsV1": second},
    ]
    object_ = POD | {"metadata": POD["metadata"] | {"managedFields": entries}}
    assert owned(object_, "m", but_not="n")["spec"]["containers"] == [{"name": "main"}]
    assert owned(object_, "n") == {"spec": {"containers": [{"name": "main", "env": [{"name": "B", "value": "2"}]}]}}


def test_a_file_for_people():
    text = documents([{"kind": "A", "items": ["one\ntwo\n"], "apiVersion": "v1"}])
    assert text == "---\napiVersion: v1\nitems:\n  - |\n    one\n    two\nkind: A\n"
