# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures: one boot a session, shared by all tests; every test leaves it as it was."""

import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import devices  # noqa: E402
from bench import XENSTOREDS, Bench, BenchError, HostDied, Products  # noqa: E402
from bench.kernel import choose  # noqa: E402
from product import Granter  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
MACHINE = pytest.StashKey()
GUEST_ALARM = r"BUG:|Oops|WARNING: CPU|Call Trace|general protection|Kernel panic|kernel BUG"


def pytest_addoption(parser):
    group = parser.getgroup("bench")
    group.addoption("--flavour", choices=("stock", "release", "debug"), default="release",
                    help="which hypervisor to boot")
    group.addoption("--xen", type=Path, help="that hypervisor (default: build/xen-FLAVOUR/xen)")
    group.addoption("--stage", type=Path, default=ROOT / "build/stage",
                    help="where `meson install --destdir` put the programs")
    group.addoption("--module", type=Path, default=ROOT / "kernel/xen_iomemgrant.ko")
    group.addoption("--xenstored", choices=XENSTOREDS, default=XENSTOREDS[0], help="which daemon runs in dom0")
    group.addoption("--life", type=int, default=3600, help="end the machine after so many seconds")
    group.addoption("--logs", type=Path, default=None, help="default: build/e2e-logs/FLAVOUR")


def pytest_configure(config):
    config.addinivalue_line("markers", "flavour(*names): hypervisors this test is for (default: release, debug)")
    config.addinivalue_line("markers", "extra_guest: the test starts guests of its own")


def pytest_collection_modifyitems(config, items):
    """Tests for another hypervisor are not in this run at all, so that nothing is skipped."""
    flavour = config.getoption("--flavour")
    kept, others = [], []
    for item in items:
        marker = item.get_closest_marker("flavour")
        names = marker.args if marker else ("release", "debug")
        (kept if flavour in names else others).append(item)
    # Tests that need no shared machine run first, while none is running.
    items[:] = sorted(kept, key=lambda item: "machine" in item.fixturenames)
    if others:
        config.hook.pytest_deselected(items=others)


def _kernel_tests(logs):
    """Build what tests/kernel has for the bench's domains."""
    directory = ROOT / "tests/kernel"
    made = subprocess.run(["make", "-C", directory, f"KDIR={choose(headers=True).headers}", "all", "driver"],
                          capture_output=True, text=True)
    (logs / "tests-kernel.log").write_text(made.stdout + made.stderr)
    if made.returncode:
        raise BenchError(f"tests/kernel does not build:\n{made.stdout}{made.stderr}")
    return ([directory / name for name in ("iomem-ktest", "iomem-ktest32", "iomem-fuzz", "iomem-offer")],
            [directory / "driver" / name for name in ("iomem_driver.ko", "iomem_host.ko")])


@dataclass
class Tested:
    """The builds under test, from pytest's options; a missing one is an error."""

    xen: Path
    stage: Path
    module: Path
    programs: list
    files: list
    logs: Path
    life: int
    xenstored: str

    @classmethod
    def built(cls, config):
        flavour = config.getoption("--flavour")
        logs = (config.getoption("--logs") or ROOT / "build" / "e2e-logs" / flavour).resolve()
        shutil.rmtree(logs, ignore_errors=True)
        logs.mkdir(parents=True)
        xen = config.getoption("--xen") or (None if flavour == "stock" else ROOT / f"build/xen-{flavour}/xen")
        programs = logs / "programs"
        programs.mkdir()
        subprocess.run(["make", "-s", "-C", Path(__file__).parent / "programs", f"OUT={programs}"], check=True)
        contract = ROOT / "build/tests/contract/contract-real"
        if contract.exists():   # or the test that wants it says so
            subprocess.run(["strip", "-o", programs / contract.name, contract], check=True)
        stage, module = config.getoption("--stage"), config.getoption("--module")
        for what, path in (("hypervisor", xen), ("programs", stage), ("kernel module", module)):
            if path and not path.exists():
                raise BenchError(f"the {what} under test is not built: no {path}")
        kernel_programs, drivers = _kernel_tests(logs)
        return cls(xen, stage, module, sorted(programs.iterdir()) + kernel_programs,
                   [(driver, f"/root/{driver.name}") for driver in drivers], logs, config.getoption("--life"),
                   config.getoption("--xenstored"))

    def boot(self, logs, **settings):
        products = Products(stage=self.stage, module=self.module, programs=self.programs, files=self.files)
        bench = Bench(self.xen, products, logs=logs, life=self.life,
                      xenstored=self.xenstored, **settings)
        bench.dom0(f"echo 1 > /sys/bus/pci/devices/{bench.edu}/enable;"
                   f"echo 1 > /sys/bus/pci/devices/{bench.shm}/enable").check()
        return bench


class Session:
    """The running machine and the guests the tests share."""

    def __init__(self, tested, kinds):
        self.logs = tested.logs
        (self.logs / "devices").mkdir()
        self.bench = tested.boot(self.logs, devices=devices.arguments(self.logs / "devices"))
        self.notes = []         # what happened to shared guests outside of any test
        self.ended = set()      # shared guests that some test has found dead
        self.judged = 0         # alarms of the console that some test has answered for
        self._guests = {}
        self._errors = {}
        self._threads = {kind: threading.Thread(target=self._start, args=(kind,)) for kind in kinds}
        for thread in self._threads.values():
            thread.start()

    def _start(self, kind):
        name = f"web-{kind}"
        self._errors.pop(kind, None)
        try:
            self._guests[kind] = self.bench.start_guest(name, kind)
        except Exception as error:  # reported by guest() in the test that wants it
            self._errors[kind] = error

    def guest(self, kind):
        """The shared guest; a new one if the last one met its end in an earlier test."""
        if kind in self._threads:
            self._threads[kind].join()
        guest = self._guests.get(kind)
        if not guest or guest in self.ended or self.bench.met_its_end(guest):
            if guest:
                self.notes.append(f"RESTARTED {guest.name}")
                self.bench.forget(guest.name)
            self._start(kind)
        if kind in self._errors:
            raise self._errors[kind]
        return self._guests[kind]

    def losses(self, guests):
        """Those of them that have not survived the test that used them, each with what is known of it."""
        found = []
        for guest in guests:
            try:
                self.bench.guest_alive(guest)
                if not guest.ended():
                    continue
                found.append(f"{guest.name} has come to its end, and the console does not tell why")
            except HostDied:
                raise
            except BenchError as error:
                found.append(str(error))
            self.ended.add(guest)
        return found

    def shared(self):
        return self._guests.values()

    def wait_for_guests(self):
        """Wait until no guest is being created, so that XenStore is quiet."""
        for thread in self._threads.values():
            thread.join()

    def close(self):
        self.wait_for_guests()
        self.bench.close()


@pytest.fixture(scope="session")
def tested(request):
    return Tested.built(request.config)


@pytest.fixture(scope="session")
def machine(request, tested):
    kinds = []
    for item in request.session.items:
        kind = getattr(item, "callspec", None) and item.callspec.params.get("kind")
        kinds += [kind] if kind else [k for k in ("pv", "pvh") if k in item.fixturenames]
    machine = Session(tested, list(dict.fromkeys(kinds)))
    request.config.stash[MACHINE] = machine
    yield machine
    machine.close()


@pytest.fixture
def bench(machine, request):
    """The machine; afterwards it must be as quiet and as empty as before."""
    bench = machine.bench
    bench.alive()
    complaints = _guest_alarms(bench)
    yield bench
    bench.alive()
    ended = machine.losses([guest for guest in request.node.funcargs.values() if guest in machine.shared()])
    if request.node.stash.get(FAILED, False):
        _tidy(bench, machine)
    # Alarms that came up between two tests are this test's, too: no other test would report them.
    seen = bench.alarms
    alarms, machine.judged = seen[machine.judged:], len(seen)
    assert alarms == [], "the console shows"
    assert _guest_alarms(bench) == complaints, "a guest's kernel complains"
    assert ended == []


def _tidy(bench, machine):
    """A test that failed must not make the next ones fail."""
    shared = {guest.name for guest in machine.shared()}
    for name in [name for name in bench.guests if name not in shared]:
        bench.forget(name)
    bench.dom0("xen-iomemgrant revoke --all --wait=5", timeout=90)


def _guest_alarms(bench):
    return bench.dom0(f"cd /var/log/xen/console && grep -hE '{GUEST_ALARM}' *").out


@pytest.fixture(params=["pv", "pvh"])
def kind(request):
    """Each scenario runs for both kinds of guest."""
    return request.param


@pytest.fixture
def guest(machine, bench, kind):
    """A guest shared by the tests; leave it as you found it."""
    return machine.guest(kind)


@pytest.fixture
def pv(machine, bench):
    return machine.guest("pv")


@pytest.fixture
def pvh(machine, bench):
    return machine.guest("pvh")


@pytest.fixture
def granter(machine, bench):
    """xen-iomemgrant in dom0.  What a test leaves granted is a failure of that test."""
    machine.wait_for_guests()
    granter = Granter(bench)
    assert granter.list() == []
    return granter


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if call.when == "setup":
        item.stash[FAILED] = False
    if not report.failed:
        return
    item.stash[FAILED] = True
    machine = item.funcargs.get("machine")
    if not machine:
        return
    bench = machine.bench
    report.sections.append(("Xen console, last lines", "\n".join(bench.console()[-30:])))
    report.sections.append(("Logs", str(machine.logs)))
    try:
        report.sections.append(("dom0", bench.dom0("dmesg | tail -15; xl list; xen-iomemgrant list", timeout=20).text))
        directory = machine.logs / "failed" / item.name.replace("/", "_")
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "xenstore").write_text(bench.xenstore())
        (directory / "dom0-dmesg").write_text(bench.dom0("dmesg", timeout=20).out)
        for guest in list(bench.guests.values()):
            (directory / f"{guest.name}.log").write_text(guest.log())
            if not guest.ended():
                report.sections.append((guest.name, guest.run("dmesg | tail -12", timeout=10).text))
    except (BenchError, HostDied, AssertionError) as error:
        report.sections.append(("Collecting logs", str(error)))


def pytest_terminal_summary(terminalreporter, config):
    machine = config.stash.get(MACHINE, None)
    for note in machine.notes if machine else []:
        terminalreporter.write_line(note)
