"""Files and objects that a cluster starts with."""

from typing import Any

NODE_COUNT = 3


def nodes(version: str) -> list[dict[str, Any]]:
    """Nodes without a machine; KWOK plays their kubelets."""
    plain = {"cpu": "64", "memory": "256Gi", "ephemeral-storage": "1Ti", "pods": "500"}
    # The last one has graphics cards.
    gpu = {NODE_COUNT: {"nvidia.com/gpu": "4", "example.org/gpumem": "16000"}}
    gpu_label = {NODE_COUNT: {"nvidia.com/gpu.present": "true"}}
    return [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": f"node-{number}",
                "labels": {
                    "kubernetes.io/hostname": f"node-{number}",
                    "kubernetes.io/os": "linux",
                    "kubernetes.io/arch": "amd64",
                    "topology.kubernetes.io/region": "test",
                    "topology.kubernetes.io/zone": f"test-{number}",
                } | gpu_label.get(number, {}),
            },
            "status": {
                "capacity": plain | gpu.get(number, {}),
                "allocatable": plain | gpu.get(number, {}),
                "addresses": [
                    {"type": "InternalIP", "address": f"192.0.2.{10 + number}"},
                    {"type": "Hostname", "address": f"node-{number}"},
                ],
                "nodeInfo": {
                    "architecture": "amd64",
                    "operatingSystem": "linux",
                    "kubeletVersion": f"v{version}",
                    "containerRuntimeVersion": "kwok://",
                    "osImage": "",
                    "kernelVersion": "",
                    "bootID": "",
                    "machineID": "",
                    "systemUUID": "",
                    "kubeProxyVersion": "",
                },
            },
        }
        for number in range(1, NODE_COUNT + 1)
    ]


def storage_class(name: str, binding: str, default: bool) -> dict[str, Any]:
    annotations = {"storageclass.kubernetes.io/is-default-class": "true"} if default else {}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name, "annotations": annotations},
        "provisioner": "kubernetes.io/host-path",
        "reclaimPolicy": "Delete",
        "volumeBindingMode": binding,
    }


STORAGE_CLASSES = [
    storage_class("standard", "Immediate", default=True),
    storage_class("standard-wait", "WaitForFirstConsumer", default=False),
]

# Bodies of what the tests' users ask, nothing of what the control plane asks itself.
AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None
    users: [system:apiserver, system:kube-controller-manager, system:kube-scheduler, kwok]
  - level: None
    userGroups: [system:serviceaccounts:kube-system]
  - level: None
    nonResourceURLs: [/readyz]
  - level: Request
"""


def tokens(tokens_of_users: dict[str, str]) -> str:
    """The API server's token file. The powerless user may ask only what every user may."""
    return (
        f'{tokens_of_users["admin"]},charon-admin,charon-admin,"system:masters"\n'
        f'{tokens_of_users["powerless"]},powerless,powerless\n'
    )


def kubeconfig(
    name: str, server: str, ca_data: str, user: str, credentials: dict[str, str]
) -> str:
    """A kubeconfig with one cluster, one user and a context that has the cluster's name."""
    user_lines = "".join(f"      {key}: {value}\n" for key, value in credentials.items())
    return (
        "apiVersion: v1\n"
        "kind: Config\n"
        "clusters:\n"
        f"  - name: {name}\n"
        "    cluster:\n"
        f"      server: {server}\n"
        f"      certificate-authority-data: {ca_data}\n"
        "users:\n"
        f"  - name: {user}\n"
        "    user:\n"
        f"{user_lines}"
        "contexts:\n"
        f"  - name: {name}\n"
        "    context:\n"
        f"      cluster: {name}\n"
        f"      user: {user}\n"
        f"current-context: {name}\n"
    )
