"""Fixtures of the scenarios: which program, which cluster, a stack in a folder of its own.

    /usr/bin/python3 -m pytest acceptance-tests/scenarios            # sandbox, terraform and tofu
    ... --clusters sandbox,real --clis terraform -n 4 -k deleted
"""

import contextlib
import hashlib
import os
import pathlib
import shutil

import pytest

from entries import make_namespace
from harness import cli as cli_module
from harness import clusters, headscale as headscale_module, nameservers, operators
from harness.clusters import Exclusive, Names, RealCluster, RealServer, SandboxCluster
from harness.dns import SandboxCloudflare, SandboxRoute53
from harness.errors import HarnessError
from harness.headscale import RealHeadscale, RealServers, SandboxHeadscale
from harness.stack import Stack
from harness.tools import Tool


def pytest_addoption(parser):
    real = os.environ.get("CHARON_REAL") == "1"
    group = parser.getgroup("charon")
    group.addoption("--clusters", default="sandbox,real" if real else "sandbox",
                    help="where scenarios run: sandbox, real or both with a comma (CHARON_REAL=1: both)")
    group.addoption("--real", action="store_const", dest="clusters", const="sandbox,real",
                    help="short for --clusters sandbox,real")
    group.addoption("--leave-to-real", action="store_true",
                    help="of what runs with both programs, and against the real servers too, leave out the first one")
    group.addoption("--leave-to-sandbox", action="store_true",
                    help="of what is thorough, leave out what runs against the sandbox too")
    group.addoption("--clis", default="terraform,tofu", help="what applies them: terraform, tofu or both")


def pytest_configure(config):
    for marker in (
        "sandbox_only(why): says something about the sandbox, or needs what only it can do",
        "real_only(why): needs what only real controllers do",
        "one_cli(why): does not depend on the program that applies, so the first one does",
        "versions(*names): the VPN servers that it says something about, such as 0.29",
        "each_cli(why): with each program although its file is one_cli, the second one at one DNS service or VPN server",
        "own_server(why): shares no real Headscale with other tests",
        "thorough(why): takes long for what it adds to the others: `./test --quick` leaves it out, `./test` runs it"
        " against the sandbox if that can, `./test --all` against the real server as well",
        "every_pair(why): with each program on each cluster; other tests meet the second program on the sandbox only",
    ):
        config.addinivalue_line("markers", marker)


def pytest_generate_tests(metafunc):
    clis = metafunc.config.getoption("clis").split(",")
    kinds = metafunc.config.getoption("clusters").split(",")
    if "cli" in metafunc.fixturenames:
        if metafunc.definition.get_closest_marker("one_cli") and not metafunc.definition.get_closest_marker("each_cli"):
            clis = clis[:1]
        metafunc.parametrize("cli", clis, indirect=True)
    if "dns" in metafunc.fixturenames and not metafunc.definition.get_closest_marker("parametrize"):
        metafunc.parametrize("dns", nameservers.KINDS, indirect=True)
    if "cluster" in metafunc.fixturenames:
        if metafunc.definition.get_closest_marker("sandbox_only"):
            kinds = [kind for kind in kinds if kind == "sandbox"]
        if metafunc.definition.get_closest_marker("real_only"):
            kinds = [kind for kind in kinds if kind == "real"]
        metafunc.parametrize("cluster", kinds, indirect=True)
    if "headscale" in metafunc.fixturenames:
        metafunc.parametrize("headscale", headscales(metafunc, kinds), indirect=True)


def headscales(metafunc, kinds: list[str]) -> list[str]:
    """sandbox-0.23 and so on: each generation the sandbox plays, each real version."""
    for kind in ("sandbox", "real"):
        if metafunc.definition.get_closest_marker(f"{kind}_only"):
            kinds = [one for one in kinds if one == kind]
    marker = metafunc.definition.get_closest_marker("versions")
    known = {"sandbox": headscale_module.SANDBOX_VERSIONS, "real": headscale_module.REAL_VERSIONS}
    return [f"{kind}-{version}" for kind in kinds for version in known[kind] if not marker or version in marker.args]


def parameters_of(item) -> dict:
    return getattr(item, "callspec", None) and item.callspec.params or {}


def pytest_collection_modifyitems(config, items):
    """Drops what has no cluster left to run against, which pytest would report as skipped."""
    first, *others = config.getoption("clis").split(",")
    wants_sandbox, wants_real = (kind in config.getoption("clusters").split(",") for kind in ("sandbox", "real"))

    def runs(item) -> bool:
        parameters = parameters_of(item)
        # A fixture without any parameter left has a mark instead of one.
        if not all(isinstance(parameters.get(name, ""), str) for name in ("cluster", "headscale")):
            return False
        if not wants_real and parameters.get("dns", nameservers.KINDS[0]) not in nameservers.PLAYED:
            return False
        kinds = {parameters[name].split("-")[0] for name in ("cluster", "headscale") if name in parameters}
        if len(kinds) > 1:
            return False
        # What meets no real server is one of the sandbox's scenarios.
        if not wants_sandbox and kinds != {"real"} and has_played_dns(parameters):
            return False
        # Marks of single parameters, which the tests' own generation does not see.
        if any(item.get_closest_marker(f"{one}_only") and kinds and kinds != {one} for one in ("sandbox", "real")):
            return False
        if parameters.get("cli", first) == first or item.get_closest_marker("every_pair"):
            return True
        newest = parameters.get("headscale", headscale_module.SANDBOX_VERSIONS[-1]).endswith(headscale_module.SANDBOX_VERSIONS[-1])
        elsewhere = parameters.get("dns", nameservers.KINDS[0]) != nameservers.KINDS[0] or not newest
        return kinds != {"real"} and not (elsewhere and item.get_closest_marker("each_cli"))

    kept = [item for item in items if runs(item)]
    if config.getoption("leave_to_real"):
        ids = {item.nodeid for item in kept}
        kept = [item for item in kept if not (
            runs_against_real(item) and parameters_of(item).get("cli", first) == first and not item.get_closest_marker("thorough")
            and any(item.nodeid.replace(f"[{first}-", f"[{other}-") in ids - {item.nodeid} for other in others))]
    if config.getoption("leave_to_sandbox"):
        kept = [item for item in kept if not (item.get_closest_marker("thorough") and runs_against_sandbox(item))]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = sorted(kept, key=turn) if os.environ.get("PYTEST_XDIST_WORKER") else kept


def runs_against_real(item) -> bool:
    """Whether this test of the sandbox is one of a real server too."""
    parameters = parameters_of(item)
    server, _, version = parameters.get("headscale", parameters.get("cluster", "")).partition("-")
    return (server == "sandbox" and not item.get_closest_marker("sandbox_only")
            and (not version or version in headscale_module.REAL_VERSIONS))


def has_played_dns(parameters: dict) -> bool:
    """Whether its DNS service, if it has one, is one that the sandbox plays."""
    return parameters.get("dns", nameservers.PLAYED[0]) in nameservers.PLAYED


def runs_against_sandbox(item) -> bool:
    """Whether this test is one of the sandbox too."""
    parameters = parameters_of(item)
    version = parameters.get("headscale", "").partition("-")[2]
    return (not item.get_closest_marker("real_only") and (not version or version in headscale_module.SANDBOX_VERSIONS)
            and has_played_dns(parameters))


def turn(item) -> float:
    """Neighbours want the same server, policy or lock, so that workers would wait for each other: a run with several
    takes tests in an order that is random, but always the same. None that takes long is among the last."""
    place = int(hashlib.sha256(item.nodeid.encode()).hexdigest()[:8], 16) / 2**32
    return place * 0.7 if item.get_closest_marker("thorough") else place


# --- The shared real cluster --------------------------------------------------------------------


def shared_folder(config_or_factory) -> pathlib.Path:
    """One folder for all processes of a run: workers have theirs below it."""
    base = config_or_factory.getbasetemp()
    return base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base


def pytest_sessionfinish(session):
    """The process that began the run stops the real cluster; workers have ended before it."""
    factory = getattr(session.config, "_tmp_path_factory", None)
    if factory is not None and not os.environ.get("PYTEST_XDIST_WORKER"):
        if factory._basetemp is not None:
            RealServer(shared_folder(factory) / "real").stop()
            RealServers(shared_folder(factory)).stop()
            nameservers.RealNameServers(shared_folder(factory)).stop()


@pytest.fixture(scope="session")
def real_server(tmp_path_factory):
    return RealServer(shared_folder(tmp_path_factory) / "real").start()


@pytest.fixture
def exclusive(tmp_path_factory, cluster):
    """`with exclusive("x"):` is held by one test at a time where tests share a cluster."""
    folder = shared_folder(tmp_path_factory) if cluster.kind == "real" else cluster.folder
    return lambda what: Exclusive(folder, what)


def others_program(program: str, file: str) -> pathlib.Path:
    """Of what wrote objects before us. A run need not have it, in CI either: see ../servers/README.md."""
    try:
        return cli_module.built(program) / file
    except HarnessError as error:
        pytest.skip(str(error))


# --- A test's own things ------------------------------------------------------------------------


def missing(text: str):
    """A desk may lack a program; in CI every test has to run."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(text)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if outcome.get_result().failed:
        item.has_failed = True


@pytest.fixture
def folder(request, tmp_path):
    """Where everything of a test goes. It stays if the test fails: traces are large."""
    yield tmp_path
    if not getattr(request.node, "has_failed", False):
        shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.fixture
def names():
    return Names()


@pytest.fixture
def cli(request):
    found = cli_module.find(request.param)
    if not found:
        missing(f"there is no {request.param} here (PATH, or CHARON_{request.param.upper()})")
    return found


@pytest.fixture
def cluster(request, folder):
    if request.param == "sandbox":
        made = SandboxCluster(folder / "sandbox")
    else:
        try:
            record = request.getfixturevalue("real_server")
        except HarnessError as error:
            missing(str(error))
        made = RealCluster(folder / "real", record)
    yield made
    made.close()


@pytest.fixture
def kubectl(cluster):
    """The real one, which is built along with the real cluster."""
    return Tool(lambda: others_program("kubernetes", "kubectl"), cluster)


@pytest.fixture
def helm(cluster):
    return Tool(lambda: others_program("helm", "helm"), cluster)


@pytest.fixture
def work(cluster, names):
    """A namespace for what the test makes."""
    make_namespace(cluster, names("work"))
    return names("work")


@pytest.fixture
def new_sandbox(folder):
    """Makes further sandboxes: new_sandbox("other")."""
    made = []

    def make(name: str) -> clusters.SandboxCluster:
        made.append(SandboxCluster(folder / name))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def new_stack(folder, cluster, cli):
    """Makes stacks of the test's cluster: new_stack("second", kubeconfig=...)."""
    made = []

    def make(name: str, **options) -> Stack:
        made.append(Stack(folder / name, cli, **({"kubeconfig": cluster.kubeconfig} | options)))
        return made[-1]

    yield make
    for stack in made:
        stack.close()


@pytest.fixture
def stack(new_stack):
    return new_stack("stack")


@pytest.fixture
def front(cluster, stack):
    """Between the stack and its cluster: counts what is asked. (Tests of what goes wrong have a front of their own.)"""
    front = cluster.proxy()
    stack.environment["KUBE_CONFIG_PATH"] = str(front.kubeconfig)
    return front


@pytest.fixture
def sandbox(request, folder):
    """The sandbox of the test, also for the APIs beside Kubernetes: the cluster's, if the test has one."""
    if "cluster" in request.fixturenames and request.getfixturevalue("cluster").kind == "sandbox":
        yield request.getfixturevalue("cluster")
        return
    made = SandboxCluster(folder / "sandbox")
    yield made
    made.close()


@pytest.fixture
def headscale(request, folder, tmp_path_factory):
    """A VPN server: the sandbox's is the test's own, a real one is shared by the run if the test does not mind."""
    kind, version = request.param.split("-")
    alone = request.node.get_closest_marker("own_server") is not None
    servers = RealServers(folder if alone else shared_folder(tmp_path_factory))
    if kind == "sandbox":
        made = SandboxHeadscale(request.getfixturevalue("sandbox"), version, folder / "headscale")
    else:
        try:
            record = servers.start(version)
        except HarnessError as error:
            missing(str(error))
        made = RealHeadscale(record, folder / "headscale", missing)
    yield made
    made.close()
    if kind == "real" and alone:
        servers.stop()


@pytest.fixture
def dns(request, tmp_path_factory):
    """A DNS service by its kind: played by the test's sandbox, or real and shared by the run."""
    try:
        return nameservers.service(request.param, shared_folder(tmp_path_factory), lambda: request.getfixturevalue("sandbox"))
    except HarnessError as error:
        missing(str(error))


@pytest.fixture
def dns_stack(bare_stack, dns):
    """A stack that knows that service by its environment."""
    bare_stack.environment |= dns.environment
    return bare_stack


@pytest.fixture
def dns_front(dns, dns_stack, folder):
    """Between the provider and that service: counts, loses and delays messages."""
    made, environment = nameservers.front(dns, folder / "front")
    dns_stack.environment |= environment
    yield made
    made.stop()


@pytest.fixture
def vpn_beside(cluster, folder):
    """A VPN server of the newest version beside the test's cluster. It is the test's own: there are no machines of others."""
    servers = RealServers(folder)
    if cluster.kind == "sandbox":
        made = SandboxHeadscale(cluster, headscale_module.SANDBOX_VERSIONS[-1], folder / "headscale")
    else:
        try:
            record = servers.start(headscale_module.REAL_VERSIONS[-1])
        except HarnessError as error:
            missing(str(error))
        made = RealHeadscale(record, folder / "headscale", missing)
    yield made
    made.close()
    servers.stop()


@pytest.fixture
def cloudflare(sandbox):
    """Cloudflare as the sandbox plays it; there is no other."""
    return SandboxCloudflare(sandbox)


@pytest.fixture
def route53(sandbox):
    return SandboxRoute53(sandbox)


@pytest.fixture
def bare_stack(folder, cli):
    """A stack without a Kubernetes cluster."""
    stack = Stack(folder / "stack", cli)
    yield stack
    stack.close()


@pytest.fixture
def vpn_stack(bare_stack, headscale):
    """A stack whose provider finds the VPN server, and nothing else."""
    bare_stack.environment |= headscale.environment
    return bare_stack


@pytest.fixture
def one_vpn_test(headscale, tmp_path_factory):
    """Held by one test at a time on a server that tests share: for what exists once there, the policy."""
    folder = shared_folder(tmp_path_factory) if headscale.kind == "real" else headscale.sandbox.folder
    with Exclusive(folder, f"headscale-{headscale.version}"):
        yield


@pytest.fixture
def crds(cluster, exclusive):
    """Installs CRDs of operators: crds("ExternalSecret", "Middleware"). They stay for the other tests that share a
    server; crds.without("ExternalSecret") takes them away, so tests that use any take turns, those that want operators too."""
    def install(*kinds: str) -> None:
        with_crds(operators.install, *kinds)

    def without(*kinds: str) -> None:
        turn.enter_context(exclusive("operators"))
        with_crds(operators.remove, *kinds)

    def with_crds(act, *kinds: str) -> None:
        try:
            act(cluster.api, *kinds)
        except operators.NoGo as error:
            missing(str(error))

    install.without = without
    with contextlib.ExitStack() as turn:
        turn.enter_context(exclusive("crds"))
        yield install
