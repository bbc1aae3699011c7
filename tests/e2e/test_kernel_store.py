# SPDX-License-Identifier: GPL-2.0-or-later
"""The module and XenStore: an xenstored that hangs, that was restarted, and what it is asked for."""

import contextlib
import time

import pytest

from product import wait_until

PAGE = 4096
TIMED_OUT = "GRANT: Connection timed out\n"


@contextlib.contextmanager
def hung_xenstored(bench):
    """It takes what it is asked and does not answer."""
    bench.dom0("kill -STOP $(pidof xenstored)").check()
    try:
        yield
    finally:
        bench.dom0("kill -CONT $(pidof xenstored); xenstore-read domid").check()


def grant(bench, guest, page):
    """A grant that is not published: its id."""
    region = f"{bench.shm} 2 {page * PAGE} {PAGE}"
    return bench.dom0(f"iomem-ktest grant {guest.domid} {region}").check().out.split()[0]


def test_a_hung_xenstored_holds_up_no_call_of_the_module(bench, pv, granter):
    made = grant(bench, pv, 0)
    with hung_xenstored(bench):
        refused = bench.dom0(f"iomem-ktest grant {pv.domid} {bench.shm} 2 {PAGE} {PAGE}", timeout=30)
        assert refused.err == TIMED_OUT and refused.rc == 1
        # A signal ends the wait before that.
        asked = time.monotonic()
        assert bench.dom0(f"timeout 1 iomem-ktest grant {pv.domid} {bench.shm} 2 {PAGE} {PAGE}", timeout=30).rc == 143
        assert time.monotonic() - asked < 4
        assert bench.dom0("ls /sys/class/iomemgrant").out == f"grant{made}\n"
        # Nothing of the end is XenStore's business.
        bench.dom0(f"iomem-ktest end {made}", timeout=10).check()
        assert bench.dom0("ls /sys/class/iomemgrant").out == ""
        # The module's text is in use by what waits for xenstored.
        assert bench.dom0("rmmod xen_iomemgrant", timeout=10).rc != 0
    bench.dom0("for i in $(seq 100); do rmmod xen_iomemgrant && break; usleep 100000; done", timeout=60)
    assert bench.dom0("lsmod | grep xen_iomemgrant").rc == 1
    with hung_xenstored(bench):
        bench.dom0("modprobe xen_iomemgrant", timeout=20).check()
        assert bench.dom0(f"iomem-ktest grant {pv.domid} {bench.shm} 2 0 {PAGE}", timeout=30).err == TIMED_OUT
    assert bench.dom0("ls /sys/class/iomemgrant").out == ""


def grants_end(bench):
    wait_until(lambda: bench.dom0("ls /sys/class/iomemgrant").out == "", 25)


@pytest.mark.extra_guest
def test_the_grants_of_a_destroyed_domain_end_while_xenstored_hangs(bench, kind, granter):
    """Such a domain is not gone from Xen: xenstored has a page of it mapped."""
    victim = bench.start_guest(f"destroyed-{kind}", kind)
    granter.grant(victim, f"{bench.shm}/2@0+8K")
    with hung_xenstored(bench):
        bench.dom0(f"toolstack destroy {victim.domid}").check()
        grants_end(bench)
        assert bench.dom0("grep xen_iomemgrant /proc/iomem").rc == 1
        # It would be "No such process" if the domain were gone.
        asked = bench.dom0(f"iomem-ktest grant {victim.domid} {bench.shm} 2 0 {PAGE}", timeout=30)
        assert asked.err == TIMED_OUT
    bench.forget(victim.name)
    granter.run("gc").check()


@pytest.mark.extra_guest
def test_a_request_that_xenstored_does_not_answer_holds_up_no_end(bench, granter):
    victim = bench.start_guest("unanswered", "pv")
    # With the first grant the module asks for events of domains, one second later.
    bench.dom0(f"iomem-ktest grant {victim.domid} {bench.shm} 2 0 {PAGE} && kill -STOP $(pidof xenstored)").check()
    with hung_xenstored(bench):
        time.sleep(3)
        bench.dom0(f"toolstack destroy {victim.domid}").check()
        grants_end(bench)
    bench.forget(victim.name)


def test_dom0_can_suspend_while_xenstored_hangs(bench, pv, granter):
    made = grant(bench, pv, 0)
    with hung_xenstored(bench):
        # The question of this one stays on its way.
        assert bench.dom0(f"iomem-ktest grant {pv.domid} {bench.shm} 2 {PAGE} {PAGE}", timeout=30).err == TIMED_OUT
        # Everything that freezes in a suspend is frozen, and thawed five seconds later.
        bench.dom0("echo freezer > /sys/power/pm_test && echo freeze > /sys/power/state; rc=$?;"
                   "echo none > /sys/power/pm_test; exit $rc", timeout=90).check()
    bench.dom0(f"iomem-ktest end {made}").check()


def test_a_domain_that_xenstore_forgot_keeps_its_grants_while_xen_knows_it(bench, pv, granter):
    vm = f"/local/domain/{pv.domid}/vm"
    uuid = bench.dom0(f"xenstore-read {vm}").check().out.strip()
    region = f"{pv.domid} {bench.shm} 2 0 {PAGE}"
    # The module looks at the domain one second after its first grant.
    made = bench.dom0(f"iomem-ktest grant {region} && xenstore-rm {vm}; sleep 3; xenstore-write {vm} {uuid}").check()
    assert bench.dom0("ls /sys/class/iomemgrant").out == f"grant{made.out.split()[0]}\n"
    bench.dom0(f"iomem-ktest end {made.out.split()[0]}").check()


def test_a_domain_with_another_uuid_under_its_number_loses_its_grants(bench, pv, granter):
    vm = f"/local/domain/{pv.domid}/vm"
    uuid = bench.dom0(f"xenstore-read {vm}").check().out.strip()
    region = f"{pv.domid} {bench.shm} 2 0 {PAGE}"
    bench.dom0(f"iomem-ktest grant {region} && xenstore-write {vm} /vm/00000000-0000-4000-8000-000000000001;"
               f"sleep 3; xenstore-write {vm} {uuid}").check()
    assert bench.dom0("ls /sys/class/iomemgrant").out == ""


def test_idle_grants_of_one_domain_cost_xenstored_nothing(bench, pv, granter):
    def cpu():
        """xenstored's processor time in hundredths of a second."""
        fields = bench.dom0("cat /proc/$(pidof xenstored)/stat").check().out.rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    nr = 200
    bench.dom0(f"i=0; while [ $i -lt {nr} ]; do"
               f" iomem-ktest grant {pv.domid} {bench.shm} 2 $((i * {PAGE})) {PAGE} || exit 1; i=$((i + 1)); done",
               timeout=300).check()
    before = cpu()
    time.sleep(15)
    used = cpu() - before
    bench.dom0("for g in /sys/class/iomemgrant/grant*; do iomem-ktest end ${g##*grant}; done", timeout=300).check()
    print(f"xenstored used {used * 10} ms in 15 s for {nr} idle grants")
    # One question for each grant and look would be some 200.
    assert used * 10 < 40
