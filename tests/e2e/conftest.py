# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures: one boot a session, shared by all tests; every test leaves it as it was."""

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from bench import Bench, BenchError, HostDied, Products  # noqa: E402
from product import Granter  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
GUEST_ALARM = r"BUG:|Oops|WARNING: CPU|Call Trace|general protection|Kernel panic|kernel BUG"


def pytest_addoption(parser):
    group = parser.getgroup("bench")
    group.addoption("--flavour", choices=("stock", "release", "debug"), default="release",
                    help="which hypervisor to boot")
    group.addoption("--xen", type=Path, help="that hypervisor (default: build/xen-FLAVOUR/xen)")
    group.addoption("--stage", type=Path, default=ROOT / "build/stage",
                    help="where `meson install --destdir` put the programs")
    group.addoption("--module", type=Path, default=ROOT / "kernel/xen_iomemgrant.ko")
    group.addoption("--life", type=int, default=1800, help="end the machine after so many seconds")
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
    items[:] = kept
    if others:
        config.hook.pytest_deselected(items=others)


class Session:
    """The running machine and the guests the tests share."""

    def __init__(self, config, kinds):
        flavour = config.getoption("--flavour")
        self.logs = config.getoption("--logs") or ROOT / "build" / "e2e-logs" / flavour
        shutil.rmtree(self.logs, ignore_errors=True)
        self.logs.mkdir(parents=True)
        xen = config.getoption("--xen") or (None if flavour == "stock" else ROOT / f"build/xen-{flavour}/xen")
        programs = self.logs / "programs"
        programs.mkdir()
        subprocess.run(["make", "-s", "-C", Path(__file__).parent / "programs", f"OUT={programs}"], check=True)
        contract = ROOT / "build/tests/contract/contract-real"
        if contract.exists():   # or the test that wants it says so
            subprocess.run(["strip", "-o", programs / contract.name, contract], check=True)
        stage, module = config.getoption("--stage"), config.getoption("--module")
        for what, path in (("hypervisor", xen), ("programs", stage), ("kernel module", module)):
            if path and not path.exists():
                raise BenchError(f"the {what} under test is not built: no {path}")
        self.bench = Bench(xen, Products(stage=stage, module=module, programs=sorted(programs.iterdir())),
                           logs=self.logs, life=config.getoption("--life"))
        self.bench.dom0(f"echo 1 > /sys/bus/pci/devices/{self.bench.edu}/enable;"
                        f"echo 1 > /sys/bus/pci/devices/{self.bench.shm}/enable").check()
        self._guests = {}
        self._errors = {}
        self._threads = {kind: threading.Thread(target=self._start, args=(kind,)) for kind in kinds}
        for thread in self._threads.values():
            thread.start()

    def _start(self, kind):
        try:
            self._guests[kind] = self.bench.start_guest(f"web-{kind}", kind)
        except Exception as error:  # reported by guest() in the test that wants it
            self._errors[kind] = error

    def guest(self, kind):
        if kind not in self._threads:
            self._start(kind)
        else:
            self._threads[kind].join()
        if kind in self._errors:
            raise self._errors[kind]
        return self._guests[kind]

    def wait_for_guests(self):
        """Until nobody is being created any more, so that XenStore is quiet."""
        for thread in self._threads.values():
            thread.join()

    def close(self):
        self.wait_for_guests()
        self.bench.close()


@pytest.fixture(scope="session")
def machine(request):
    kinds = []
    for item in request.session.items:
        kind = getattr(item, "callspec", None) and item.callspec.params.get("kind")
        kinds += [kind] if kind else [k for k in ("pv", "pvh") if k in item.fixturenames]
    machine = Session(request.config, list(dict.fromkeys(kinds)))
    yield machine
    machine.close()


@pytest.fixture
def bench(machine, request):
    """The machine; afterwards it must be as quiet and as empty as before."""
    bench = machine.bench
    bench.alive()
    alarms = len(bench.alarms)
    complaints = _guest_alarms(bench)
    yield bench
    bench.alive()
    if request.node.stash.get(FAILED, False):
        bench.dom0("xen-iomemgrant revoke --all --wait=5", timeout=60)
    assert bench.alarms[alarms:] == [], "the console shows"
    assert _guest_alarms(bench) == complaints, "a guest's kernel complains"


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
            report.sections.append((guest.name, guest.run("dmesg | tail -12", timeout=10).text))
    except (BenchError, HostDied, AssertionError) as error:
        report.sections.append(("Collecting logs", str(error)))
