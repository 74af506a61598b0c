"""Measures the provider and prints two tables: the bars, and what each command cost. Start it with `./run`.

Machines differ and are busy, so each number stands beside a floor of the same run: a bare gRPC server with the same
certificate work (floor.cc) for the start, a provider that does nothing (null_provider.cc) for what Terraform itself
costs. CPU seconds are those of all provider processes of a command together (getrusage of the process that waits for
them); requests are counted by the API server's audit log. What has to do with Kubernetes runs against the real control
plane of ../servers; DNS and VPN against the sandbox, which counts requests and adds latency (names.py).
What can be repeated is measured several times and the least counts, because what else the machine does only adds. On a
busy machine CPU seconds still grow, with its caches; the load is printed for that reason.

    bench.py [--services N] [--foreign N] [--only PART ...]

Exit code 1 if a bar of the table is missed.
"""

import argparse
import collections
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

import names  # noqa: E402
from harness import cli as harness_cli, processes  # noqa: E402
from harness.plugin import Plugin  # noqa: E402

BUILD = ROOT / "build/release"
SERVERS = HERE.parent / "servers/servers"
NAMESPACES = 5
KINDS = 8

# Stands in for the provider in the commands and notes what it used.
MEASURED = BUILD / "acceptance-tests/bench/charon-bench-measured"


def print_table(header, rows):
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    print()
    for row in [header, ["-" * width for width in widths], *rows]:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |")


class Bars:
    """What has to hold, and whether it does."""

    def __init__(self):
        self.rows, self.missed = [], 0

    def add(self, what, value, bar="", met=True):
        verdict = "" if not bar else "ok" if met else "MISSED"
        self.rows.append((what, value, bar, verdict))
        self.missed += verdict == "MISSED"
        print(f"  {what}: {value}" + (f"   (bar {bar}: {verdict})" if bar else ""), flush=True)

    def print(self):
        print_table(("what", "measured", "bar", ""), self.rows)


# What a command used: wall seconds, and the provider's CPU seconds and peak memory in MiB.
Cost = collections.namedtuple("Cost", "wall cpu memory")


def least(costs):
    return Cost(*(min(values) for values in zip(*costs)))


class Commands:
    """What each command cost; requests are those of the provider."""

    HEADER = ("command", "provider", "CPU s", "wall s", "peak MiB", "writes", "dry runs", "reads")

    def __init__(self):
        self.rows = []

    def add(self, command, provider, cost, counts=("-", "-", "-")):
        self.rows.append((command, provider, f"{cost.cpu:.2f}", f"{cost.wall:.1f}", f"{cost.memory:.1f}",
                          *map(str, counts)))

    def print(self):
        if self.rows:
            print_table(self.HEADER, self.rows)


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


# The services of charon_service: eight objects each, with the content of a usual one. `changed` names the one whose
# environment grows by a variable.
SERVICES_TF = """terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

variable "changed" {
  default = ""
}
"""
# Of number INDEX.
SERVICE_ATTRIBUTES = """
    name      = format("service-%03d", INDEX)
    namespace = "bench-${INDEX % NAMESPACES}"
    image     = format("registry.example.com/team/service-%03d:1.2.3", INDEX)
    replicas  = 0
    ports     = { http = 8080 }
    env = merge({ for k in range(10) : "SETTING_NUMBER_${k}" => format("value-%d-of-service-%03d", k, INDEX) },
    var.changed == format("service-%03d", INDEX) ? { CHANGED = "yes" } : {})
    resources = { requests = { cpu = "10m", memory = "32Mi" }, limits = { memory = "64Mi" } }
    probes = {
      readiness = { http_get = "/healthz", period = "10s" }
      liveness  = { http_get = "/livez", period = "20s" }
    }
    files = { "/etc/app/app.properties" = { content = join("\\n", [
      for k in range(20) : format("setting.%d: the value number %d of service-%03d", k, k, INDEX)
    ]) } }
    claims   = { data = { mount = "/data", size = "1Gi", storage_class = "standard-wait" } }
    identity = { rules = [{ resources = ["configmaps"], verbs = ["get", "list", "watch"] }] }
    expose   = { web = { host = format("service-%03d.example.com", INDEX), auth = "app", auth_reason = "has users of its own" } }
    wait     = "none"
""".replace("NAMESPACES", str(NAMESPACES))
SERVICE_KINDS = ["ConfigMap", "Deployment", "Ingress", "PersistentVolumeClaim", "Role", "RoleBinding", "Service",
                 "ServiceAccount"]


def write_services(folder, count, checks):
    """A stack of charon_service; `count` for the reason in write_manifests."""
    (folder / "main.tf").write_text(SERVICES_TF + f"""
provider "charon" {{
  plan_checks = "{checks}"
}}

resource "charon_service" "service" {{
  count = {count}
{SERVICE_ATTRIBUTES.replace("INDEX", "count.index")}}}
""")


class Cluster:
    """A real control plane with nothing in it, and its audit log as the count of requests. Each part has its own, so
    that none sees another's objects and nothing has to be deleted."""

    def __init__(self, folder):
        folder.mkdir(parents=True)
        self.folder = folder
        subprocess.run([SERVERS, "start", "kubernetes", "--dir", folder, "--audit"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.kubeconfig = folder / "kubeconfig"
        built = subprocess.run([SERVERS, "path", "kubernetes"], capture_output=True, text=True, check=True)
        self.kubectl_path = pathlib.Path(built.stdout.strip()) / "kubectl"

        for number in range(NAMESPACES):
            self.kubectl("create", "namespace", f"bench-{number}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run([SERVERS, "stop", "--dir", self.folder], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    def kubectl(self, *arguments, stdin=None):
        run = subprocess.run([self.kubectl_path, f"--kubeconfig={self.kubeconfig}", *arguments], input=stdin,
                             capture_output=True, text=True)
        if run.returncode:
            raise RuntimeError(f"kubectl {' '.join(arguments)}: {run.stderr[-2000:]}")
        return run.stdout

    def settle(self, bound=120):
        """Waits until it has worked off what was written to it: controllers and watch caches do so for seconds, on the
        cores that the next command is measured on. At rest all of it takes a twentieth of a core."""
        pids = [process["pid"] for process in json.loads((self.folder / "cluster.json").read_text())["processes"]]
        end = time.monotonic() + bound
        used = sum(map(processes.cpu_seconds, pids))
        while time.monotonic() < end:
            time.sleep(2)
            before, used = used, sum(map(processes.cpu_seconds, pids))
            if used - before < 0.2:
                return
        raise RuntimeError(f"the control plane was not at rest within {bound} s")

    def requests(self):
        """The number of writes, dry runs and reads of the provider so far."""
        writes = dry_runs = reads = 0
        for line in (self.folder / "audit.jsonl").read_text().splitlines():
            event = json.loads(line)
            if event.get("stage") != "ResponseComplete" or "charon" not in event.get("userAgent", ""):
                continue
            if "dryRun=All" in event.get("requestURI", ""):
                dry_runs += 1
            elif event["verb"] in ("get", "list", "watch"):
                reads += 1
            else:
                writes += 1
        return writes, dry_runs, reads


def requests_since(before, cluster):
    return [now - then for now, then in zip(cluster.requests(), before)]


class Run:
    """A folder with a configuration, run with one provider."""

    def __init__(self, folder, binary, kubeconfig, terraform, environment=None):
        self.folder, self.terraform = folder, terraform
        self.used = folder / "used"
        plugins = folder / "plugins"
        plugins.mkdir(parents=True)
        (plugins / "terraform-provider-charon").symlink_to(MEASURED)
        (folder / "rc").write_text(
            'disable_checkpoint = true\nprovider_installation {\n  dev_overrides {\n'
            f'    "charon/charon" = "{plugins}"\n  }}\n  direct {{}}\n}}\n')
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "TF_CLI_CONFIG_FILE": str(folder / "rc"),
            "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", "KUBE_CONFIG_PATH": str(kubeconfig),
            "CHARON_BENCH_PROVIDER": str(binary), "CHARON_BENCH_LOG": str(self.used)} | (environment or {})

    def command(self, *arguments, codes=(0,)):
        """Runs terraform and returns the cost."""
        self.used.unlink(missing_ok=True)
        began = time.monotonic()
        process = subprocess.Popen([self.terraform, *arguments], cwd=self.folder, env=self.environment,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        output = process.communicate()[0]
        wall = time.monotonic() - began
        if process.returncode not in codes:
            raise RuntimeError(f"terraform {' '.join(arguments)}:\n{output[-3000:]}")
        used = [line.split() for line in self.used.read_text().splitlines()] if self.used.exists() else []
        return Cost(wall, sum(float(u[0]) for u in used), max((int(u[1]) for u in used), default=0) / 1024)

    def apply(self):
        return self.command("apply", "-auto-approve", "-parallelism=10")

    def plan(self, times=3):
        """A plan without changes; the least of `times`."""
        return least([self.command("plan", "-detailed-exitcode") for _ in range(times)])

    def state_bytes(self):
        return (self.folder / "terraform.tfstate").stat().st_size


TEXT_FORM = "manifest = file(%s)"
OBJECT_FORM = "object = jsondecode(file(%s))"


def write_manifests(folder, objects, checks, form=TEXT_FORM):
    """A stack of charon_kubernetes_manifest. Instances by `count`, since Terraform evaluates `for_each` again for each
    instance: of 800 files by `for_each = fileset(...)` that alone is 20 s of a plan, with any provider."""
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
  count = {len(objects)}
  {form % '"${path.module}/objects/${format("%04d", count.index)}.json"'}
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


def start_and_memory(bars, folder, provider, floor):
    ours, bare = [], []
    for _ in range(40):  # in turn, so that noise hits both
        bare.append(handshake_seconds(floor, folder / "floor"))
        ours.append(handshake_seconds(provider, folder / "provider"))
    # The least of each: what the machine's other work adds is not ours.
    ratio = min(ours) / min(bare)
    bars.add("process start to handshake line",
              f"{min(ours) * 1e3:.1f} ms, median {statistics.median(ours) * 1e3:.1f}; bare server {min(bare) * 1e3:.1f} ms, "
              f"median {statistics.median(bare) * 1e3:.1f}; ratio {ratio:.2f}", "<= 1.3 x", ratio <= 1.3)
    # As it is installed. What a linker has just written is in the page cache in large pieces, which the kernel maps whole.
    installed = shutil.copy(provider, folder / "installed")
    with Plugin(installed, folder / "memory", {"TF_LOG": ""}) as plugin:
        reply, parts = plugin.schema.ByteSize(), schema_parts(plugin.schema)
        status = pathlib.Path(f"/proc/{plugin.process.pid}/status").read_text()
        resident = int(status.split("VmRSS:")[1].split()[0]) / 1024
    bars.add("resident memory after GetProviderSchema", f"{resident:.1f} MiB", "<= 18 MiB", resident <= 18)
    split = ", ".join(f"{part} {size / 1024:.1f}" for part, size in parts.items())
    bars.add("schema reply", f"{reply / 1024:.1f} KiB: {split}", "<= 60 KB", reply <= 60000)


def schema_parts(schema):
    """The bytes of the schema reply by what they describe."""
    words = {"service": "services", "live_image": "services", "nginx": "services", "vpn": "VPN", "policy_reach": "VPN", "hujson": "VPN",
             "dns_": "DNS", "txt_record": "DNS"}
    parts = collections.Counter({"Kubernetes and the provider block": schema.ByteSize()})
    for field, value in schema.ListFields():
        if field.message_type is None or not field.message_type.GetOptions().map_entry:
            continue
        for name in value:
            part = next((part for word, part in words.items() if word in name and name != "dns_label"), None)
            if part:
                parts[part] += value[name].ByteSize() + len(name)
                parts["Kubernetes and the provider block"] -= value[name].ByteSize() + len(name)
    return dict(parts)


class Bench:
    """The parts that run terraform."""

    def __init__(self, folder, provider, null, terraform):
        self.folder, self.provider, self.null, self.terraform = folder, provider, null, terraform
        self.bars, self.commands = Bars(), Commands()

    def run(self, name, cluster, objects, checks, binary=None, form=TEXT_FORM):
        run = Run(self.folder / name, binary or self.provider, cluster.kubeconfig, self.terraform)
        write_manifests(run.folder, objects, checks, form)
        return run

    def small_stack(self):
        objects = [thing for index in range(2) for thing in service(index)][:14]
        with Cluster(self.folder / "clusters/small") as cluster:
            ours = self.run("small", cluster, objects, "auto")
            floor = self.run("small-null", cluster, objects, "auto", self.null)
            ours.apply()
            floor.apply()
            self.small_plan(f"no-op plan of one stack of {len(objects)} objects", ours, floor)

    def small_plan(self, what, ours, floor):
        walls = [(ours.plan(times=1).wall, floor.plan(times=1).wall, ours.command("version").wall)
                 for _ in range(20)]  # in turn, so that noise hits all three
        plan, nothing, version = (min(column) for column in zip(*walls))
        self.bars.add(what, f"{plan * 1e3:.0f} ms; terraform version {version * 1e3:.0f} ms; a provider that does nothing "
                            f"{nothing * 1e3:.0f} ms", "<= version + 250 ms", plan - version <= 0.25)

    def large_stack(self, services):
        objects = [thing for index in range(services) for thing in service(index)]
        count = len(objects)
        first_apply, no_op_plan = f"first apply of {count}", f"no-op plan of {count}"
        with Cluster(self.folder / "clusters/off") as cluster:
            floor = self.run("null", cluster, objects, "off", self.null)
            self.commands.add(first_apply, "does nothing", floor.apply())
            floor_plan = floor.plan()
            self.commands.add(no_op_plan, "does nothing", floor_plan)

            run = self.run("large", cluster, objects, "off")
            self.first_apply(first_apply, run, cluster, count, "off")
            compact = sum(len(json.dumps(thing, separators=(",", ":"))) for thing in objects)
            ratio = run.state_bytes() / compact
            self.bars.add(f"state of {count}", f"{run.state_bytes() / 1e6:.2f} MB for {compact / 1e6:.2f} MB of compact "
                          f"JSON: {ratio:.2f} x", "<= 1.7 x", ratio <= 1.7)

            before = cluster.requests()
            plans = [run.plan(times=1)]
            asked = requests_since(before, cluster)
            plans += [run.plan(times=1) for _ in range(2)]
            plan = least(plans)
            self.commands.add(no_op_plan, "charon", plan, asked)
            self.bars.add(f"{no_op_plan}, {KINDS} kinds", f"provider {plan.cpu:.2f} CPU s; {sum(asked)} requests; wall "
                          f"{plan.wall:.1f} s beside {floor_plan.wall:.1f} s of a provider that does nothing",
                          "<= 0.8 CPU s, <= 30 requests", plan.cpu <= 0.8 and sum(asked) <= 30)
        with Cluster(self.folder / "clusters/auto") as cluster:
            self.first_apply(first_apply, self.run("checked", cluster, objects, "auto"), cluster, count, "auto")

    def first_apply(self, what, run, cluster, count, checks):
        what = f"{what}, plan checks {checks}"
        before = cluster.requests()
        apply = run.apply()
        counts = requests_since(before, cluster)
        self.commands.add(what, "charon", apply, counts)
        self.bars.add(what, f"provider {apply.cpu:.2f} CPU s; {counts[0]} writes, {counts[1]} dry runs",
                      "<= 2.0 CPU s, one write an object", apply.cpu <= 2.0 and counts[0] == count)
        self.bars.add(f"peak resident memory in it, plan checks {checks}", f"{apply.memory:.1f} MiB", "<= 80 MiB",
                      apply.memory <= 80)

    def two_forms(self):
        """What the dynamic form costs beside the text form: no bar, but numbers that the documents quote."""
        measured = []
        with Cluster(self.folder / "clusters/forms") as cluster:
            for form, first in ((TEXT_FORM, 0), (OBJECT_FORM, 25)):
                objects = [thing for index in range(first, first + 25) for thing in service(index)]
                run = self.run(f"form-{first}", cluster, objects, "off", form=form)
                run.apply()
                measured.append((run.state_bytes(), run.plan()))
        (text_state, text), (dynamic_state, dynamic) = measured
        self.bars.add(f"dynamic form beside the text form, {len(objects)} objects",
                      f"state {dynamic_state / text_state:.1f} x; plan: wall {dynamic.wall:.2f} s, text {text.wall:.2f} "
                      f"s: {dynamic.wall / text.wall:.1f} x; provider {dynamic.cpu:.2f} CPU s, text {text.cpu:.2f}")

    def services(self, count):
        """charon_service, and in the same run the objects that it makes, by other means."""
        objects = self.rendered(count)
        of, kinds = f"{count} services", f"{len(objects)} objects"
        with Cluster(self.folder / "clusters/services") as cluster:
            run = self.service_stack("services", cluster, count, "off")
            apply, counts = self.counted(cluster, run.apply)
            self.commands.add(f"first apply of {of}", "charon_service", apply, counts)

            state = run.state_bytes() / count / 1024
            self.bars.add(f"state of one of {of}", f"{state:.2f} KiB", "<= 6 KiB", state <= 6)

            plan, asked = self.counted(cluster, lambda: run.plan(times=1))
            plan = least([plan, run.plan(times=2)])
            self.commands.add(f"no-op plan of {of}", "charon_service", plan, asked)
            # The same state and schema, and a provider that answers at once: what is Terraform's own.
            floor = Run(self.folder / "services-null", self.null, cluster.kubeconfig, self.terraform,
                        {"CHARON_BENCH_NULL": "charon_service"})
            write_services(floor.folder, count, "off")
            shutil.copy(run.folder / "terraform.tfstate", floor.folder)
            floor_plan = floor.plan()
            self.commands.add(f"no-op plan of {of}", "does nothing", floor_plan)
            self.bars.add(f"no-op plan of {of} ({kinds})",
                          f"provider {plan.cpu:.2f} CPU s; {sum(asked)} requests; wall {plan.wall:.1f} s beside "
                          f"{floor_plan.wall:.1f} s of a provider that does nothing",
                          "<= 0.6 CPU s, <= 40 requests, <= 1.5 s",
                          plan.cpu <= 0.6 and sum(asked) <= 40 and plan.wall <= 1.5)

            write_services(run.folder, count, "auto")
            change, sent = self.counted(cluster, lambda: run.command(
                "apply", "-auto-approve", "-parallelism=10", f"-var=changed=service-{count // 2:03d}"))
            self.commands.add(f"change of one attribute in one of {of}", "charon_service", change, sent)
            self.bars.add(f"change of one attribute in one of {of}", f"{sent[0]} writes, {sent[1]} dry runs",
                          "one PATCH, at most one dry run", sent[0] == 1 and sent[1] <= 1)
        with Cluster(self.folder / "clusters/objects") as cluster:
            run = self.run("objects", cluster, objects, "off")
            beside, counts_beside = self.counted(cluster, run.apply)
            self.commands.add(f"first apply of the same {kinds}", "charon_kubernetes_manifest", beside, counts_beside)
            plan, asked = self.counted(cluster, lambda: run.plan(times=1))
            self.commands.add(f"no-op plan of the same {kinds}", "charon_kubernetes_manifest",
                              least([plan, run.plan(times=2)]), asked)
        with Cluster(self.folder / "clusters/kubectl") as cluster:
            listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
            began = time.monotonic()
            cluster.kubectl("apply", "--server-side", "-f", "-", stdin=listed)
            kubectl = time.monotonic() - began
        self.bars.add(f"first apply of {of}, waits and plan checks off",
                      f"provider {apply.cpu:.2f} CPU s; {counts[0]} writes; wall {apply.wall:.1f} s, kubectl apply "
                      f"--server-side {kubectl:.1f} s: {apply.wall / kubectl:.2f} x",
                      "<= 2.0 CPU s, <= 1.5 x kubectl", apply.cpu <= 2 and apply.wall <= 1.5 * kubectl)

    def one_service(self):
        with Cluster(self.folder / "clusters/service") as cluster:
            ours = self.service_stack("service", cluster, 1, "auto")
            floor = self.run("service-null", cluster, self.rendered(1), "auto", self.null)
            ours.apply()
            floor.apply()
            self.small_plan("no-op plan of one stack with one service", ours, floor)

    def service_stack(self, name, cluster, count, checks):
        run = Run(self.folder / name, self.provider, cluster.kubeconfig, self.terraform)
        write_services(run.folder, count, checks)
        return run

    def rendered(self, count):
        """The objects of the services, by the function that says what would be applied."""
        run = Run(self.folder / f"rendered-{count}", self.provider, "/dev/null", self.terraform)
        (run.folder / "main.tf").write_text(
            SERVICES_TF + f'output "objects" {{\n  value = jsonencode([for number in range({count}) : '
            f'provider::charon::service_manifests({{{SERVICE_ATTRIBUTES.replace("INDEX", "number")}}}, null)])\n}}\n')
        run.apply()
        outputs = json.loads((run.folder / "terraform.tfstate").read_text())["outputs"]
        objects = json.loads(outputs["objects"]["value"])
        for made in objects:
            kinds = sorted(thing["kind"] for thing in made)
            if kinds != SERVICE_KINDS:
                raise RuntimeError(f"a service is to make {SERVICE_KINDS}, and made {kinds}")
        return [thing for made in objects for thing in made]

    @staticmethod
    def counted(cluster, command):
        before = cluster.requests()
        cost = command()
        return cost, requests_since(before, cluster)

    def names_run(self, name, environment):
        """A stack without a cluster."""
        return Run(self.folder / name, self.provider, "/dev/null", self.terraform, environment)

    def dns(self):
        names.records(self.bars, self.commands, self.names_run, self.folder / "sandboxes")
        names.updates(self.bars, self.commands, self.names_run, self.folder / "bind")

    def vpn(self):
        names.nodes(self.bars, self.commands, self.names_run, self.folder / "sandboxes")
        names.registration(self.bars, self.names_run, self.folder / "join")

    def foreign_objects(self, count):
        objects = [thing for index in range(10) for thing in service(index)]
        with Cluster(self.folder / "clusters/foreign") as cluster:
            run = self.run("foreign", cluster, objects, "off")
            run.apply()
            cluster.settle()
            alone = run.plan(times=5)
            made = make_foreign(cluster, count)
            cluster.settle()
            crowded = run.plan(times=5)
        ratio = crowded.wall / alone.wall
        self.bars.add(f"no-op plan of {len(objects)} beside {made} foreign objects",
                      f"wall {crowded.wall:.2f} s, alone {alone.wall:.2f} s: {ratio:.2f} x; provider {crowded.cpu:.2f} "
                      f"CPU s, alone {alone.cpu:.2f}", "<= 1.5 x", ratio <= 1.5)


def make_foreign(cluster, count):
    """Objects of others, of kinds without controllers of their own, so that the control plane stays quiet."""
    kinds = (("ConfigMap", "v1", {"data": {"key": "value " * 20}}), ("ServiceAccount", "v1", {}),
             ("Role", "rbac.authorization.k8s.io/v1", {"rules": []}),
             ("Ingress", "networking.k8s.io/v1", {"spec": {"defaultBackend": {"service": {
                 "name": "none", "port": {"number": 80}}}}}))
    each = count // len(kinds)
    for kind, version, body in kinds:
        for start in range(0, each, 2000):
            items = [{"apiVersion": version, "kind": kind,
                      "metadata": {"name": f"foreign-{n}", "namespace": f"bench-{n % NAMESPACES}"}} | body
                     for n in range(start, min(start + 2000, each))]
            cluster.kubectl("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    return each * len(kinds)


PARTS = ("start", "small", "large", "forms", "foreign", "services", "service", "dns", "vpn")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--services", type=int, default=100, help="services of eight objects in the large stacks")
    parser.add_argument("--foreign", type=int, default=50000, help="objects of others")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="just these parts")
    parser.add_argument("--cores", type=int, default=2, help="run on so many; the bars are for two (default), "
                        "where threads wait less for each other and cost less CPU time")
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-options.cores:])  # and with it all that is started
    parts = set(options.only)
    provider, floor, null = (BUILD / "terraform-provider-charon", BUILD / "acceptance-tests/bench/charon-bench-floor",
                             BUILD / "acceptance-tests/bench/charon-bench-null")
    for binary in (provider, floor, null, MEASURED):
        if not os.access(binary, os.X_OK):
            sys.exit(f"{binary.relative_to(ROOT)} is missing: cmake --preset release && cmake --build --preset release "
                     "--target terraform-provider-charon charon-bench-floor charon-bench-null charon-bench-measured")
    terraform = harness_cli.find("terraform") or sys.exit("terraform is not on the PATH")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="charon-bench-"))
    bench = Bench(folder, provider, null, terraform.path)
    load = os.getloadavg()[0]
    try:
        if "start" in parts:
            start_and_memory(bench.bars, folder, provider, floor)
        if "small" in parts:
            bench.small_stack()
        if "large" in parts:
            bench.large_stack(options.services)
        if "forms" in parts:
            bench.two_forms()
        if "foreign" in parts:
            bench.foreign_objects(options.foreign)
        if "services" in parts:
            bench.services(options.services)
        if "service" in parts:
            bench.one_service()
        if "dns" in parts:
            bench.dns()
        if "vpn" in parts:
            bench.vpn()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    bench.bars.print()
    bench.commands.print()
    print(f"\n{len(os.sched_getaffinity(0))} of {os.cpu_count()} cores, load {load:.1f} before and {os.getloadavg()[0]:.1f} after; "
          f"{bench.bars.missed} bars missed")
    return 1 if bench.bars.missed else 0


if __name__ == "__main__":
    sys.exit(main())
