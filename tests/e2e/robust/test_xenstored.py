# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands in a dom0 whose xenstored is absent, dead or stopped: no waiting, one line, and what needs no XenStore works.

Each test does all of it in one command of dom0's shell, since the bench needs xenstored itself.
"""

import pytest

SOCKET = "/run/xenstored/socket"
RESTART = "systemctl restart xen, or /etc/init.d/xen start"
AWAY = (f"mv {SOCKET} {SOCKET}.away", f"mv {SOCKET}.away {SOCKET}")
STOPPED = ("kill -STOP $(pidof xenstored)", "kill -CONT $(pidof xenstored)")


@pytest.fixture
def during(bench):
    """Runs a command while xenstored is out of reach, and says how many seconds that took."""
    def run(fault, command):
        begin, end = fault
        result = bench.dom0(f"{begin}; t=$(cut -d. -f1 /proc/uptime); {command}; rc=$?;"
                            f" echo $(($(cut -d. -f1 /proc/uptime) - t)) >/run/seconds; {end}; exit $rc", timeout=120)
        return result, int(bench.dom0("cat /run/seconds").out)
    yield run
    # A command that was cut off did not get that far.
    bench.dom0(f"[ ! -e {SOCKET}.away ] || mv {SOCKET}.away {SOCKET}; {STOPPED[1]}").check()


@pytest.mark.parametrize("command", ["list", "revoke --all", "gc", "monitor", "wait g1 --for=gone"])
def test_without_the_socket_a_command_fails_at_once(bench, granter, during, command):
    result, seconds = during(AWAY, f"timeout -s KILL 20 xen-iomemgrant {command}")
    assert (result.rc, result.out) == (9, ""), result.text
    assert result.err == (f"xen-iomemgrant: error: cannot reach xenstored: {SOCKET} is missing [no-xenstore]\n"
                          f"hint: {RESTART}\n")
    assert seconds <= 2


def test_without_the_socket_doctor_says_so_and_does_its_other_checks(bench, granter, during):
    result, seconds = during(AWAY, "timeout -s KILL 20 xen-iomemgrant doctor")
    assert result.rc == 9 and seconds <= 3, result.text
    bad = [line for line in result.out.splitlines() if not line.startswith("ok ")]
    assert len(bad) == 2 and f"cannot reach xenstored: {SOCKET} is missing" in bad[0]
    assert bad[1].strip() == f"hint: {RESTART}"
    assert "policy" in result.out.splitlines()[-1]


def test_a_stopped_xenstored_is_given_up_at_the_limit(bench, granter, during):
    result, seconds = during(STOPPED, "timeout -s KILL 60 xen-iomemgrant list")
    assert result.rc == 9 and "xenstored has not answered for 10s [no-xenstore]\n" in result.err, result.text
    assert "hint: ps -C xenstored,oxenstored shows its state; kill -CONT lets a stopped one (T) go on\n" in result.err
    assert 9 <= seconds <= 15
    result, seconds = during(STOPPED, "timeout -s KILL 60 xen-iomemgrant --timeout=2 list")
    assert result.rc == 9 and "xenstored has not answered for 2s [no-xenstore]\n" in result.err, result.text
    assert seconds <= 6
    # The remedy of the hint is what `during` has done meanwhile.
    bench.dom0("xen-iomemgrant list").check()


@pytest.mark.parametrize("signal", ["TERM", "INT"])
def test_one_signal_ends_a_command_that_waits_for_a_stopped_xenstored(bench, granter, during, signal):
    result, seconds = during(STOPPED, "xen-iomemgrant list & pid=$!; sleep 1;"
                             f" kill -{signal} $pid; wait $pid")
    assert result.rc == 130 and "[interrupted]" in result.err, result.text
    assert seconds <= 5


def test_a_stopped_xenstored_does_not_keep_a_grant_from_being_ended(bench, pv, granter, during):
    grant = granter.json(f"grant {pv.name} {bench.edu}/0@0+4K --wait=60")["grants"][0]
    result, seconds = during(STOPPED, "timeout -s KILL 90 xen-iomemgrant --timeout=2 revoke --all")
    assert result.rc == 9 and f"g{grant['id']} ends when its pages are let go" in result.err, result.text
    assert seconds <= 10
    granter.revoke(grant)
