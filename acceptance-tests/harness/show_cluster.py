#!/usr/bin/env python3
"""Lists what a cluster has, for ./quickstart where kubectl is missing: show_cluster.py SANDBOX_JSON LABELS"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness.kubernetes import Api  # noqa: E402

KINDS = (
    "PriorityClass", "Namespace", "LimitRange", "ResourceQuota", "NetworkPolicy", "RoleBinding",
    "Deployment", "StatefulSet", "Service", "Ingress", "PersistentVolumeClaim",
)


def main(record: str, labels: str) -> None:
    sandbox = json.loads(pathlib.Path(record).read_text())
    api = Api(sandbox["url"], sandbox["ca"], sandbox["token"], agent="quickstart")
    print(f"{'KIND':16}{'NAMESPACE':16}NAME")
    for kind in KINDS:
        for found in api.list(kind, labels=labels):
            metadata = found["metadata"]
            print(f"{kind:16}{metadata.get('namespace', '-'):16}{metadata['name']}")


if __name__ == "__main__":
    main(*sys.argv[1:])
