# SPDX-License-Identifier: GPL-2.0-or-later
"""Other drivers of a guest's kernel, which use a grant through the module's exported functions."""

import contextlib

import pytest

from module import EDU_ID, PAGE, entries, references, run_cases
from product import Agent, node, wait_until


@contextlib.contextmanager
def driver(guest, options):
    guest.run(f"modprobe xen_iomemgrant; insmod /root/iomem_driver.ko {options}").check()
    yield lambda name: guest.run(f"cat /sys/module/iomem_driver/parameters/{name}").out.strip()
    guest.run("rmmod iomem_driver").check()


def driver_write(guest, offset, value):
    face = "/sys/module/iomem_driver/parameters"
    guest.run(f"echo {offset} > {face}/offset; echo {value:#x} > {face}/value").check()


def test_driver_uses_a_published_grant_until_it_is_revoked(bench, guest, granter):
    grant = granter.grant(guest, f"{bench.edu}/0@0+8K")
    with driver(guest, f"id={grant['id']}") as shows:
        assert (shows("value"), shows("length")) == (f"{EDU_ID:#010x}", str(2 * PAGE))
        driver_write(guest, 4, 0x0FF1CE00)
        assert shows("value") == f"{0x0FF1CE00 ^ 0xFFFFFFFF:#010x}"
        # User space and the kernel side by side.
        assert Agent(guest).read(grant, 0) == EDU_ID
        granter.revoke(grant)
        assert (shows("value"), shows("events")) == ("", "lost")


@pytest.mark.extra_guest
def test_driver_is_told_of_a_suspend_that_is_called_off(bench, kind, granter):
    guest = bench.start_guest(f"checkpoint-{kind}", kind)
    grant = granter.grant(guest, f"{bench.shm}/2@0+4K")
    bench.shm_write(0, b"kept")
    value = f"{int.from_bytes(b'kept', 'little'):#010x}"
    with driver(guest, f"id={grant['id']}") as shows:
        program = guest.start(f"iomem-probe hold {node(grant)} 4096")
        program.wait_for_output("mapped")
        assert shows("value") == value
        saved = bench.dom0(f"xl save -c {guest.name} /run/checkpoint; rc=$?; rm -f /run/checkpoint; exit $rc", timeout=120)
        assert saved.rc == 0, saved.text
        wait_until(lambda: shows("events") == "freeze restore", 60)
        assert shows("value") == value
        # User space did not notice, and touches the page again by now.
        assert program.status() is None and program.output() == "mapped\n"
        assert entries(bench)[grant["id"]]["mapped"] == "1"
        granter.revoke(grant)
        assert shows("events") == "freeze restore lost"
        assert program.wait() == 0
    guest.destroy()


def test_kernel_memory_is_readable_where_device_memory_is_mapped(bench, guest, granter):
    grant = granter.grant(guest, f"{bench.edu}/0@0+8K")
    with driver(guest, f"id={grant['id']}") as shows:
        run_cases(guest.run, "kcore")
        assert shows("value") == f"{EDU_ID:#010x}"
        # dom0 has its own grant entries mapped once more, to count what is in use.
        assert entries(bench)[grant["id"]]["mapped"] == "2"
        run_cases(bench.dom0, "kcore")
        granter.revoke(grant)
    assert guest.run("dmesg | grep -E 'BUG|bad page|xen_mc_flush|WARNING'").out == ""


def test_driver_maps_references_of_its_own(bench, guest, granter):
    bench.shm_write(PAGE, b"----")
    with references(bench, guest, f"{bench.shm} 2 0 {2 * PAGE}") as (grant, first):
        for option, value in (("", 0x11223344), (" wc=1", 0x55667788)):
            with driver(guest, f"first_ref={first} nr=2{option}") as shows:
                driver_write(guest, PAGE, value)
                assert shows("value") == f"{value:#010x}" and bench.shm_read(PAGE, 4) == value.to_bytes(4, "little")
                assert entries(bench)[grant]["mapped"] == "2"
            # Nothing of it remains, or the grant could not be ended.
            assert entries(bench)[grant]["mapped"] == "0"
        assert guest.run(f"insmod /root/iomem_driver.ko first_ref={first} nr=3").rc != 0


@pytest.mark.extra_guest
def test_frames_that_are_memory_in_the_guest(bench, granter):
    """A guest frame of the same number as the BAR's is RAM: nothing may go through it."""
    guest = bench.start_guest("overlap", "pv", memory=480, extra="maxmem=4800")
    grant = granter.grant(guest, f"{bench.edu}/0@0+8K")
    address = int(entries(bench)[grant["id"]]["address"], 16)
    ram = [line.split(" : ")[0].split("-") for line in guest.run("grep 'System RAM' /proc/iomem").check().out.splitlines()]
    assert any(int(low, 16) <= address < int(high, 16) for low, high in ram), (hex(address), ram)
    run_cases(guest.run, f"node {node(grant)} {2 * PAGE}")
    with driver(guest, f"id={grant['id']}") as shows:
        assert shows("value") == f"{EDU_ID:#010x}"
        driver_write(guest, 4, 0x0FF1CE00)
        assert shows("value") == f"{0x0FF1CE00 ^ 0xFFFFFFFF:#010x}"
        granter.revoke(grant)
        assert shows("events") == "lost"
    with references(bench, guest, f"{bench.edu} 0 0 {4 * PAGE}") as (_, first):
        run_cases(guest.run, f"guest {first} 4 {EDU_ID:#x}")
    assert guest.run("dmesg | grep -E 'BUG|bad page|xen_mc_flush|WARNING'").out == ""
    guest.destroy()
