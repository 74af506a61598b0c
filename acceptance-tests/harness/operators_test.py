"""The operators that tests play, on a sandbox; and the CRDs of the real ones."""

import base64

import pytest

from harness import operators
from harness.clusters import SandboxCluster


@pytest.fixture
def cluster(tmp_path):
    made = SandboxCluster(tmp_path / "sandbox")
    yield made
    made.close()


def external_secret(name: str, spec: dict) -> dict:
    return {
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"secretStoreRef": {"name": "s", "kind": "ClusterSecretStore"}, "target": {"name": f"{name}-made"}} | spec,
    }


def plain(secret: dict) -> dict[str, str]:
    return {k: base64.b64decode(v).decode() for k, v in secret["data"].items()}


@pytest.mark.parametrize("kind", operators.FILES)
def test_every_crd_is_taken_by_the_server(cluster, kind):
    assert not operators.serves(cluster.api, kind)
    operators.install(cluster.api, kind)
    assert operators.serves(cluster.api, kind)
    operators.remove(cluster.api, kind)
    assert not operators.serves(cluster.api, kind)


def test_external_secrets_makes_and_rotates_secrets(cluster):
    store = {"app": {"id": "one"}, "db": {"password": "secret-1"}}
    with operators.ExternalSecrets(cluster.api, store) as operator:
        operators.install(cluster.api, "ExternalSecret")  # after the operator has started
        cluster.api.create(external_secret("a", {"dataFrom": [{"extract": {"key": "app"}}]}))
        cluster.api.create(external_secret("b", {
            "data": [{"secretKey": "password", "remoteRef": {"key": "db", "property": "password"}}],
            "target": {"name": "b-made", "template": {"data": {"URL": "db://x:{{ .password }}@h"}}},
        }))
        made = lambda name: cluster.get("Secret", "default", name)
        cluster.api.eventually(lambda: made("a-made") and made("b-made"), "the Secrets", 10)
        assert plain(made("a-made")) == {"id": "one"}
        assert plain(made("b-made")) == {"URL": "db://x:secret-1@h"}
        ready = lambda: cluster.get("ExternalSecret", "default", "b").get("status", {}).get("conditions")
        assert cluster.api.eventually(ready, "a status", 10)[0]["reason"] == "SecretSynced"
        operator.rotate({"app": {"id": "one"}, "db": {"password": "secret-2"}})
        assert plain(made("b-made")) == {"URL": "db://x:secret-2@h"}
    spec = cluster.get("ExternalSecret", "default", "b")["spec"]
    assert spec["refreshInterval"] == "1h0m0s"


def test_a_failure_of_an_operator_is_a_failure_of_the_test(cluster):
    operators.install(cluster.api, "ExternalSecret")
    with pytest.raises(KeyError, match="nowhere"):
        with operators.ExternalSecrets(cluster.api, {}) as operator:
            cluster.api.create(external_secret("a", {"dataFrom": [{"extract": {"key": "nowhere"}}]}))
            operator._thread.join(10)
