"""Measures the provider and prints a table: `/usr/bin/python3 acceptance-tests/bench/bench.py`.

Machines differ and are busy, so each number stands beside a floor of the same run: a bare gRPC server with the same
certificate work (floor.cc) for the start, a provider that does nothing (null_provider.cc) for what Terraform itself
costs. CPU seconds are those of all provider processes of a command together (getrusage of the process that waits for
them); requests are counted by the API server's audit log. Everything runs against the real control plane of ../servers.

    bench.py [--services N] [--foreign N] [--only PART ...]

Exit code 1 if a bar of the table is missed.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent))

from harness import cli as harness_cli  # noqa: E402
from harness.plugin import Plugin  # noqa: E402

BUILD = ROOT / "build/release"
SERVERS = HERE.parent / "servers/servers"
NAMESPACES = 5
KINDS = 8

# Runs the provider in its place, waits for it and writes down what it used.
WRAPPER = """#!/usr/bin/python3
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
pid = os.fork()
if pid == 0:
    os.execv({binary!r}, [{binary!r}] + sys.argv[1:])
_, status, used = os.wait4(pid, 0)
with open({log!r}, "a") as log:
    log.write(f"{{used.ru_utime + used.ru_stime:.4f}} {{used.ru_maxrss}}\\n")
"""


class Table:
    def __init__(self):
        self.rows, self.missed = [], 0

    def add(self, what, value, bar="", met=True):
        self.rows.append((what, value, bar, "" if not bar else "ok" if met else "MISSED"))
        self.missed += bool(bar) and not met
        print(f"  {what}: {value}" + (f"   (bar {bar}: {'ok' if met else 'MISSED'})" if bar else ""), flush=True)

    def print(self):
        widths = [max(len(row[i]) for row in self.rows) for i in range(4)]
        print()
        for row in [("what", "measured", "bar", ""), *self.rows]:
            print("| " + " | ".join(cell.ljust(max(width, 4)) for cell, width in zip(row, widths)) + " |")


def service(index):
    """The eight objects of one service, about 990 bytes of JSON each on average."""
    namespace, name = f"bench-{index % NAMESPACES}", f"service-{index:03d}"
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "bench", "tier": "edge"}

    def meta(**more):
        return {"name": name, "namespace": namespace, "labels": labels} | more

    container = {
        "name": "app", "image": f"registry.example.com/team/{name}:1.2.3",
        "ports": [{"name": "http", "containerPort": 8080}],
        "env": [{"name": f"SETTING_NUMBER_{k}", "value": f"value-{k}-of-{name}"} for k in range(20)],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}},
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 10},
        "livenessProbe": {"httpGet": {"path": "/livez", "port": "http"}, "periodSeconds": 20},
        "volumeMounts": [{"name": "config", "mountPath": "/etc/app"}, {"name": "data", "mountPath": "/data"}],
    }
    lines = "\n".join(f"setting.{k}: the value number {k} of {name}" for k in range(72))
    yield {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta(), "spec": {
        "replicas": 0, "selector": {"matchLabels": {"app.kubernetes.io/name": name}},
        "template": {"metadata": {"labels": labels}, "spec": {
            "serviceAccountName": name, "containers": [container],
            "volumes": [{"name": "config", "configMap": {"name": name}},
                        {"name": "data", "persistentVolumeClaim": {"claimName": name}}]}}}}
    yield {"apiVersion": "v1", "kind": "Service", "metadata": meta(), "spec": {
        "selector": {"app.kubernetes.io/name": name}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]}}
    yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(), "data": {"app.properties": lines}}
    yield {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta()}
    yield {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta(), "spec": {
        "accessModes": ["ReadWriteOnce"], "storageClassName": "standard-wait",
        "resources": {"requests": {"storage": "1Gi"}}}}
    yield {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": meta(annotations={
        "gethomepage.dev/enabled": "true", "gethomepage.dev/name": name, "gethomepage.dev/group": "Bench",
        "gethomepage.dev/icon": f"{name}.png", "nginx.ingress.kubernetes.io/proxy-body-size": "50m"}), "spec": {
        "rules": [{"host": f"{name}.example.com", "http": {"paths": [{
            "path": "/", "pathType": "Prefix",
            "backend": {"service": {"name": name, "port": {"name": "http"}}}}]}}],
        "tls": [{"hosts": [f"{name}.example.com"], "secretName": "wildcard"}]}}
    yield {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": meta(), "rules": [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}]}
    yield {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta(), "spec": {
        "maxUnavailable": 1, "selector": {"matchLabels": {"app.kubernetes.io/name": name}}}}


class Cluster:
    """The real control plane, with its audit log as the count of requests."""

    def __init__(self, folder):
        self.folder = folder
        subprocess.run([SERVERS, "start", "kubernetes", "--dir", folder, "--audit"], check=True,
                       stdout=subprocess.DEVNULL)
        self.kubeconfig = folder / "kubeconfig"
        built = subprocess.run([SERVERS, "path", "kubernetes"], capture_output=True, text=True, check=True)
        self.kubectl_path = pathlib.Path(built.stdout.strip()) / "kubectl"

    def stop(self):
        subprocess.run([SERVERS, "stop", "--dir", self.folder], check=True, stdout=subprocess.DEVNULL)

    def kubectl(self, *arguments, stdin=None):
        run = subprocess.run([self.kubectl_path, f"--kubeconfig={self.kubeconfig}", *arguments], input=stdin,
                             capture_output=True, text=True)
        if run.returncode:
            raise RuntimeError(f"kubectl {' '.join(arguments)}: {run.stderr[-2000:]}")
        return run.stdout

    def requests(self):
        """Verb and dry-run-ness of each request of the provider so far."""
        found = []
        for line in (self.folder / "audit.jsonl").read_text().splitlines():
            event = json.loads(line)
            if event.get("stage") == "ResponseComplete" and "charon" in event.get("userAgent", ""):
                found.append(event["verb"] + ("?dryRun" if "dryRun=All" in event.get("requestURI", "") else ""))
        return found


class Run:
    """A folder with a configuration, run with one provider."""

    def __init__(self, folder, binary, kubeconfig, terraform):
        self.folder, self.terraform = folder, terraform
        self.used = folder / "used"
        plugins = folder / "plugins"
        plugins.mkdir(parents=True)
        wrapper = plugins / "terraform-provider-charon"
        wrapper.write_text(WRAPPER.format(binary=str(binary), log=str(self.used)))
        wrapper.chmod(0o755)
        (folder / "rc").write_text(
            'disable_checkpoint = true\nprovider_installation {\n  dev_overrides {\n'
            f'    "charon/charon" = "{plugins}"\n  }}\n  direct {{}}\n}}\n')
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "TF_CLI_CONFIG_FILE": str(folder / "rc"),
            "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", "KUBE_CONFIG_PATH": str(kubeconfig)}

    def command(self, *arguments, codes=(0,)):
        """Wall seconds, CPU seconds of the provider, its peak memory in MiB, CPU seconds of everything."""
        self.used.unlink(missing_ok=True)
        began = time.monotonic()
        process = subprocess.Popen([self.terraform, *arguments], cwd=self.folder, env=self.environment,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        output = process.communicate()[0]
        wall = time.monotonic() - began
        if process.returncode not in codes:
            raise RuntimeError(f"terraform {' '.join(arguments)}:\n{output[-3000:]}")
        used = [line.split() for line in self.used.read_text().splitlines()] if self.used.exists() else []
        return wall, sum(float(u[0]) for u in used), max((int(u[1]) for u in used), default=0) / 1024

    def state_bytes(self):
        return (self.folder / "terraform.tfstate").stat().st_size


def write_manifests(folder, objects, checks):
    (folder / "objects").mkdir(exist_ok=True)
    for number, thing in enumerate(objects):
        (folder / "objects" / f"{number:04d}.json").write_text(json.dumps(thing, separators=(",", ":")))
    (folder / "main.tf").write_text(f"""terraform {{
  required_providers {{
    charon = {{
      source = "charon/charon"
    }}
  }}
}}

provider "charon" {{
  plan_checks = "{checks}"
}}

resource "charon_kubernetes_manifest" "object" {{
  for_each = fileset("${{path.module}}/objects", "*.json")
  manifest = file("${{path.module}}/objects/${{each.value}}")
}}
""")


def handshake_seconds(binary, folder):
    plugin = Plugin(binary, folder, {"TF_LOG": ""})
    began = time.perf_counter()
    plugin.start()
    seconds = time.perf_counter() - began
    plugin.process.kill()
    plugin.process.wait()
    return seconds


def start_and_memory(table, folder, provider, floor):
    ours, bare = [], []
    for _ in range(40):  # in turn, so that noise hits both
        bare.append(handshake_seconds(floor, folder / "floor"))
        ours.append(handshake_seconds(provider, folder / "provider"))
    # The least of each: what the machine's other work adds is not ours.
    ratio = min(ours) / min(bare)
    table.add("process start to handshake line",
              f"{min(ours) * 1e3:.1f} ms, median {statistics.median(ours) * 1e3:.1f}; bare server {min(bare) * 1e3:.1f} ms, "
              f"median {statistics.median(bare) * 1e3:.1f}; ratio {ratio:.2f}", "<= 1.3 x", ratio <= 1.3)
    with Plugin(provider, folder / "memory", {"TF_LOG": ""}) as plugin:
        reply = plugin.schema.ByteSize()
        status = pathlib.Path(f"/proc/{plugin.process.pid}/status").read_text()
        resident = int(status.split("VmRSS:")[1].split()[0]) / 1024
    table.add("resident memory after GetProviderSchema", f"{resident:.1f} MiB", "<= 18 MiB", resident <= 18)
    table.add("schema reply", f"{reply / 1024:.1f} KiB", "<= 60 KB", reply <= 60000)


def small_stack(table, folder, provider, cluster, terraform):
    objects = [thing for index in range(2) for thing in service(index)][:14]
    run = Run(folder / "small", provider, cluster.kubeconfig, terraform)
    write_manifests(run.folder, objects, "auto")
    run.command("apply", "-auto-approve")
    version = min(run.command("version")[0] for _ in range(5))
    plan = min(run.command("plan", "-detailed-exitcode")[0] for _ in range(5))
    table.add("no-op plan of one stack of 14 objects", f"{plan * 1e3:.0f} ms; terraform version {version * 1e3:.0f} ms",
              "<= version + 250 ms", plan - version <= 0.25)
    run.command("destroy", "-auto-approve")


def large_stack(table, folder, provider, null, cluster, terraform, services):
    objects = [thing for index in range(services) for thing in service(index)]
    compact = sum(len(json.dumps(thing, separators=(",", ":"))) for thing in objects)
    floor = Run(folder / "null", null, cluster.kubeconfig, terraform)
    write_manifests(floor.folder, objects, "off")
    null_apply = floor.command("apply", "-auto-approve")
    null_plan = floor.command("plan", "-detailed-exitcode")
    run = Run(folder / "large", provider, cluster.kubeconfig, terraform)
    write_manifests(run.folder, objects, "off")
    for checks, bar in (("off", True), ("auto", False)):
        write_manifests(run.folder, objects, checks)
        before = len(cluster.requests())
        apply = run.command("apply", "-auto-approve", "-parallelism=10")
        made = cluster.requests()[before:]
        writes = sum(verb in ("patch", "create", "update") for verb in made)
        dry = sum("dryRun" in verb for verb in made)
        table.add(f"first apply of {len(objects)}, plan checks {checks}",
                  f"provider {apply[1]:.2f} CPU s; wall {apply[0]:.1f} s (nothing: {null_apply[0]:.1f}); {writes} writes, "
                  f"{dry} dry runs, {len(made) - writes - dry} reads",
                  "<= 2.0 CPU s, one write an object" if bar else "", apply[1] <= 2.0 and writes == len(objects))
        table.add(f"peak memory of it, plan checks {checks}", f"{apply[2]:.1f} MiB", "<= 80 MiB", apply[2] <= 80)
        if checks == "off":
            ratio = run.state_bytes() / compact
            table.add("state", f"{run.state_bytes() / 1e6:.2f} MB for {compact / 1e6:.2f} MB of JSON: {ratio:.2f} x",
                      "<= 1.7 x", ratio <= 1.7)
            before = len(cluster.requests())
            plan = run.command("plan", "-detailed-exitcode")
            asked = len(cluster.requests()) - before
            table.add(f"no-op plan of {len(objects)}, {KINDS} kinds",
                      f"provider {plan[1]:.2f} CPU s (nothing: {null_plan[1]:.2f}); {asked} requests; wall {plan[0]:.1f} s "
                      f"(nothing: {null_plan[0]:.1f})", "<= 0.8 CPU s, <= 30 requests", plan[1] <= 0.8 and asked <= 30)
        run.command("destroy", "-auto-approve")
        run.folder.joinpath("terraform.tfstate").unlink(missing_ok=True)


def foreign_objects(table, folder, provider, cluster, terraform, count):
    objects = [thing for index in range(10) for thing in service(index)]
    run = Run(folder / "foreign", provider, cluster.kubeconfig, terraform)
    write_manifests(run.folder, objects, "off")
    run.command("apply", "-auto-approve")

    def plan():
        walls = [run.command("plan", "-detailed-exitcode") for _ in range(5)]
        return min(w[0] for w in walls), min(w[1] for w in walls)

    alone = plan()
    cluster.kubectl("create", "namespace", "foreign")
    # Kinds without controllers of their own, so that the control plane stays quiet.
    each = count // 4
    for kind, version, body in (("ConfigMap", "v1", {"data": {"key": "value " * 20}}), ("ServiceAccount", "v1", {}),
                                ("Role", "rbac.authorization.k8s.io/v1", {"rules": []}),
                                ("PodDisruptionBudget", "policy/v1", {"spec": {"maxUnavailable": 1, "selector": {
                                    "matchLabels": {"app": "none"}}}})):
        for start in range(0, each, 2000):
            items = [{"apiVersion": version, "kind": kind,
                      "metadata": {"name": f"foreign-{n}", "namespace": f"bench-{n % NAMESPACES}"}} | body
                     for n in range(start, min(start + 2000, each))]
            cluster.kubectl("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    crowded = plan()
    ratio = crowded[0] / alone[0]
    table.add(f"no-op plan of 80 beside {count} foreign objects",
              f"wall {crowded[0]:.2f} s, alone {alone[0]:.2f} s: {ratio:.2f} x; provider {crowded[1]:.2f} CPU s, alone "
              f"{alone[1]:.2f}", "<= 1.5 x", ratio <= 1.5)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--services", type=int, default=100, help="services of eight objects in the large stack")
    parser.add_argument("--foreign", type=int, default=50000, help="objects of others; 0 leaves that part out")
    parser.add_argument("--only", nargs="*", choices=["start", "small", "large", "foreign"], default=None)
    options = parser.parse_args()
    parts = options.only or ["start", "small", "large", "foreign"]
    provider, floor, null = (BUILD / "terraform-provider-charon", BUILD / "acceptance-tests/bench/charon-bench-floor",
                             BUILD / "acceptance-tests/bench/charon-bench-null")
    for binary in (provider, floor, null):
        if not os.access(binary, os.X_OK):
            sys.exit(f"{binary.relative_to(ROOT)} is missing: cmake --preset release && cmake --build --preset release "
                     "--target terraform-provider-charon charon-bench-floor charon-bench-null")
    terraform = harness_cli.find("terraform") or sys.exit("terraform is not on the PATH")
    table, folder, cluster = Table(), pathlib.Path(tempfile.mkdtemp(prefix="charon-bench-")), None
    try:
        if "start" in parts:
            start_and_memory(table, folder, provider, floor)
        if {"small", "large", "foreign"} & set(parts):
            cluster = Cluster(folder / "cluster")
            for number in range(NAMESPACES):
                cluster.kubectl("create", "namespace", f"bench-{number}")
        if "small" in parts:
            small_stack(table, folder, provider, cluster, terraform.path)
        if "large" in parts:
            large_stack(table, folder, provider, null, cluster, terraform.path, options.services)
        if "foreign" in parts and options.foreign:
            foreign_objects(table, folder, provider, cluster, terraform.path, options.foreign)
    finally:
        if cluster is not None:
            cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)
    table.print()
    print(f"\n{len(table.rows) - table.missed} met or measured, {table.missed} missed")
    return 1 if table.missed else 0


if __name__ == "__main__":
    sys.exit(main())
