# SPDX-License-Identifier: GPL-2.0-or-later
"""What counts as a guest lost by the emulator, and that only that is run again.  Needs no machine."""

from pathlib import Path

import pytest

from bench import BenchError, HostDied, emulator, persevere
from retry import Retry

pytestmark = pytest.mark.flavour("stock")
CONSOLES = Path(__file__).resolve().parent / "consoles"
LOST = (CONSOLES / "emulator-lost-a-guest.txt").read_text()
OWN = (CONSOLES / "guest-triple-fault.txt").read_text()


def watched(text):
    """(domids that the emulator lost, lines of guests' own faults) after a console said that."""
    alarms = []
    watch = emulator.FaultWatch(alarms.append)
    for line in text.splitlines():
        watch.feed(line)
    watch.settle()
    return watch.lost, alarms


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(emulator, "PATIENCE", 0.05)


def test_a_guest_with_the_hypervisors_registers_was_lost_by_the_emulator():
    assert watched(LOST) == ([2], [])


def test_a_guest_that_faults_of_its_own_was_not():
    lost, alarms = watched(OWN)
    assert lost == [] and len(alarms) == 1 and "Triple fault" in alarms[0]


@pytest.mark.parametrize("register, value", [
    ("cs: e008", "cs: 0010"),                                       # the guest's selector
    ("RIP:    e008:[<ffff82d0402044b5>]", "RIP:    0010:[<ffff82d0402044b5>]"),
    ("RIP:    e008:[<ffff82d0402044b5>]", "RIP:    e008:[<ffffffff810044b5>]"),     # the guest's code
    ("RIP:    e008:[<ffff82d0402044b5>]", "RIP:    e008:[<0000000000000000>]"),
    ("rsp: ffff830134b57f70", "rsp: ffff88800b857f70"),             # the guest's stack
    ("CONTEXT: hvm guest (d2v0)", "CONTEXT: hypervisor"),
    ("CONTEXT: hvm guest (d2v0)", "CONTEXT: hvm guest (d3v0)"),     # somebody else's dump
    ("Dumping Dom2", "Dumping Dom3"),
])
def test_one_register_of_the_guests_own_makes_it_a_failure(register, value):
    text = LOST.replace(register, value)
    assert text != LOST
    lost, alarms = watched(text)
    assert lost == [] and len(alarms) == 1


def test_a_dump_that_is_cut_short_proves_nothing():
    lines = LOST.splitlines()
    for length in range(1, len(lines)):
        lost, alarms = watched("\n".join(lines[:length]))
        assert lost == [] and len(alarms) == 1, lines[:length]


def test_other_messages_between_do_not_disturb():
    lines = LOST.splitlines()
    noise = "[   69.574638] random: crng init done"
    assert watched("\n".join(f"{line}\n{noise}" for line in lines)) == ([2], [])


def test_two_guests_are_judged_each_by_its_own_dump():
    other = OWN.replace("Dom1", "Dom7").replace("d1v0", "d7v0")
    lost, alarms = watched(other + LOST)
    assert lost == [2] and len(alarms) == 1


class Losing:
    """A bench whose emulator loses guests when told so."""

    def __init__(self):
        self.lost = []


def test_persevering_says_each_time_and_cleans_up():
    bench, said, cleaned, left = Losing(), [], [], [2]

    def action():
        if left[0]:
            left[0] -= 1
            bench.lost.append("web2")
            raise BenchError("no answer")
        return "done"

    assert persevere(bench, "the story", action, lambda: cleaned.append(1), said.append) == "done"
    assert said == ["RETRIED the story: the emulator lost the guest web2 (Xen's own state in its registers)"] * 2
    assert len(cleaned) == 2


@pytest.mark.parametrize("error", [BenchError("x"), AssertionError("x"), HostDied("x")])
def test_nothing_is_tried_again_without_a_loss(error):
    tries = []

    def action():
        tries.append(1)
        raise error

    with pytest.raises(type(error)):
        persevere(Losing(), "it", action, lambda: None)
    assert len(tries) == 1


def test_a_dead_host_is_not_tried_again_even_with_a_loss():
    bench, tries = Losing(), []

    def action():
        tries.append(1)
        bench.lost.append("web2")
        raise HostDied("panic")

    with pytest.raises(HostDied):
        persevere(bench, "it", action, lambda: None)
    assert len(tries) == 1


SUITE = """
    import pytest
    lost = []
    tries = {}

    @pytest.fixture(scope="session")
    def machine():
        yield object()
        print("machine off")

    @pytest.fixture
    def counted(request, machine):
        tries[request.node.name] = tries.get(request.node.name, 0) + 1
        return tries[request.node.name]

    def test_good(counted): assert counted == 1
    def test_bad(counted): assert False
    def test_lost_once(counted):
        if counted == 1:
            lost.append("web-pvh")
            assert False
    def test_lost_but_good(counted):
        assert counted == 1
        lost.append("web-pvh")
    def test_lost_each_time(counted):
        lost.append("web-pvh")
        assert False
    @pytest.fixture
    def lost_at_the_end(counted):
        yield
        if counted == 1:
            lost.append("web-pvh")
            assert False
    def test_lost_in_teardown(lost_at_the_end): pass
    def test_tries(machine):
        assert tries == {"test_good": 1, "test_bad": 1, "test_lost_once": 2, "test_lost_but_good": 1,
                         "test_lost_each_time": 3, "test_lost_in_teardown": 2}
"""


def test_pytest_runs_again_what_failed_by_a_loss_and_nothing_else(pytester):
    pytester.makepyfile(test_it=SUITE)

    class Plugin(Retry):
        def __init__(self):
            super().__init__(lambda: __import__("sys").modules["test_it"].lost)

    result = pytester.inline_run("-p", "no:cacheprovider", plugins=[Plugin()])
    passed, skipped, failed = result.listoutcomes()
    assert sorted(report.nodeid.split("::")[1] for report in failed) == ["test_bad", "test_lost_each_time"]
    assert len(passed) == 5 and not skipped


def test_each_retry_is_a_line_of_the_output(pytester, capsys):
    pytester.makepyfile(test_it=SUITE)

    class Plugin(Retry):
        def __init__(self):
            super().__init__(lambda: __import__("sys").modules["test_it"].lost)

    pytester.inline_run("-q", "-p", "no:cacheprovider", plugins=[Plugin()])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("RETRIED ")]
    why = "the emulator lost the guest web-pvh (Xen's own state in its registers)"
    assert lines == [f"RETRIED {name}: {why}" for name in
                     ("test_lost_once", "test_lost_each_time", "test_lost_each_time", "test_lost_in_teardown")]
