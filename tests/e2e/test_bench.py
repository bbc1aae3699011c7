# SPDX-License-Identifier: GPL-2.0-or-later
"""The bench itself: if these fail, no other result means anything."""

import pytest

from bench import CommandTimeout
from bench.kernel import choose

pytestmark = pytest.mark.flavour("stock", "release", "debug")


def test_commands_keep_output_errors_and_status_apart(bench):
    result = bench.dom0("echo out; echo err >&2; exit 7")
    assert (result.out, result.err, result.rc) == ("out\n", "err\n", 7)


def test_long_output_arrives_whole(bench, guest):
    for run in (bench.dom0, guest.run):
        assert run("seq 20000").check().out == "".join(f"{n}\n" for n in range(1, 20001))


def test_commands_that_hang_are_killed(bench, guest):
    assert bench.dom0("sleep 60", timeout=1).rc == 124
    assert guest.run("sleep 60", timeout=1).rc == 124
    assert guest.run("echo still here").out == "still here\n"


def test_kernel_messages_do_not_disturb(guest):
    result = guest.run("for i in $(seq 30); do echo '<0>noise' > /dev/kmsg; echo $i; done")
    assert result.check().out == "".join(f"{n}\n" for n in range(1, 31))


def test_jobs_run_on_in_a_guest(guest):
    job = guest.start("echo begun; sleep 1; exit 3")
    job.wait_for_output("begun")
    assert job.status() is None
    assert job.wait() == 3


def test_the_device_and_the_host_see_the_same_bytes(bench):
    bench.shm_write(0, b"hello")
    assert bench.shm_read(0, 5) == b"hello"
    assert bench.qmp("query-status")["running"] is True
    assert bench.dom0(f"cat /sys/bus/pci/devices/{bench.edu}/vendor").out == "0x1234\n"


def test_a_guest_that_is_not_there_is_noticed(bench, guest):
    with pytest.raises(CommandTimeout):
        guest.start("sleep 30").wait(timeout=0.2)


def test_every_domain_runs_the_kernel_that_modules_are_built_for(bench, guest):
    release = choose().release
    assert bench.dom0("uname -r").out.strip() == release
    assert guest.run("uname -r").out.strip() == release


@pytest.mark.extra_guest
def test_a_guest_can_be_without_the_module(bench):
    guest = bench.start_guest("bare", "pv", module=False)
    try:
        assert guest.run("modprobe xen_iomemgrant").rc == 1
        answer = guest.run("xen-iomemagent list")
        assert (answer.rc, answer.out) == (9, "")
        assert answer.err.endswith(" is missing [no-module]\nhint: modprobe xen_iomemgrant\n")
    finally:
        bench.forget("bare")
