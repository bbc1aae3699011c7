# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel module by itself: its calls, its mappings, what holds it and what it holds.

Most cases are in tests/kernel/iomem-ktest.c, which prints a line for each; here are the
worlds they need, and what takes two domains.
"""

import contextlib
import re
import time

import pytest

import devices
from module import EDU_ID, PAGE, entries, module_users, references, run_cases
from product import Agent, node, wait_until

LIVE, ENDING, LOST = 1, 2, 3


# The calls.

@pytest.mark.flavour("stock", "release", "debug")
def test_calls_of_the_granting_half(bench, pv, granter, request):
    before = granter.references()
    command = f"iomem-ktest dom0 {pv.domid} {bench.edu} 0"
    if request.config.getoption("--flavour") == "stock":
        result = bench.dom0(command, 120)
        assert result.rc == 0 and "hypervisor support: no" in result.out, result.text
    else:
        assert "     hypervisor support: yes" in run_cases(bench.dom0, command.split(" ", 1)[1])
    assert granter.references() == before


def test_calls_of_the_mapping_half(bench, guest, granter):
    bench.shm_write(0, 0x600DF00D.to_bytes(4, "little"))
    with references(bench, guest, f"{bench.shm} 2 0 {4 * PAGE}") as (_, first):
        guest.run("modprobe xen_iomemgrant").check()
        run_cases(guest.run, f"guest {first} 4 {0x600DF00D:#x}")
    # A kernel that took a wrong turn says so; what it did to other memory, the page allocator.
    assert guest.run("dmesg | grep -E 'BUG|bad page|xen_mc_flush|WARNING'").out == ""


def test_rules_of_a_node(bench, guest, granter):
    grant = granter.grant(guest, f"{bench.shm}/2@8K+8K")
    run_cases(guest.run, f"node {node(grant)} {2 * PAGE}")
    granter.revoke(grant)
    assert guest.run("dmesg | grep -E 'BUG|bad page|xen_mc_flush|WARNING'").out == ""


@pytest.mark.flavour("stock", "release", "debug")
def test_calls_of_a_32_bit_program(bench, guest):
    for run in (bench.dom0, guest.run):
        assert run("modprobe xen_iomemgrant; iomem-ktest32").rc == 0


@pytest.mark.flavour("release")     # once is enough of what takes minutes
def test_32_bit_program_after_thousands_of_mappings(bench, pv, granter):
    with references(bench, pv, f"{bench.shm} 2 0 {PAGE}") as (_, first):
        result = pv.run(f"modprobe xen_iomemgrant; iomem-ktest32 {first}", timeout=900)
        assert result.rc == 0, f"check {result.rc}: {result.text}"


@pytest.mark.flavour("stock")
def test_mapping_on_stock_xen_is_refused(bench, guest):
    result = guest.run("modprobe xen_iomemgrant; iomem-ktest guest 2048 1 0")
    assert result.rc == 0 and "PASS map on this Xen" in result.out, result.text


def test_limits_are_kept_and_told(bench, pv, granter):
    face = "/sys/module/xen_iomemgrant/parameters"

    def info():
        fields = re.findall(r"([a-z-]+)=(\d+)", bench.dom0("iomem-ktest info").check().out)
        return {name: int(value) for name, value in fields}

    @contextlib.contextmanager
    def parameter(name, value):
        before = bench.dom0(f"cat {face}/{name}").check().out.strip()
        bench.dom0(f"echo {value} > {face}/{name}").check()
        yield
        bench.dom0(f"echo {before} > {face}/{name}").check()

    def refusal(pages):
        return bench.dom0(f"iomem-ktest grant {pv.domid} {bench.shm} 2 0 {pages * PAGE}").err.strip()

    for text in ("0", "262145", "-1", "x"):
        assert bench.dom0(f"echo {text} > {face}/max_pages").rc != 0
    with parameter("max_pages", 3):
        assert info()["max-pages"] == 3 and refusal(4) == "GRANT: File too large"
    with parameter("max_refs", 3), references(bench, pv, f"{bench.shm} 2 0 {2 * PAGE}"):
        assert (info()["refs"], info()["refs-left"]) == (2, 1)
        assert bench.dom0(f"iomem-ktest grant {pv.domid} {bench.shm} 2 {4 * PAGE} {2 * PAGE}").err \
            == "GRANT: Disk quota exceeded\n"
    # However much is asked for, half of the table is for grants.
    with parameter("headroom", 4294967295), parameter("max_refs", 4294967295):
        seen = info()
        assert seen["headroom"] == seen["max-frames"] // 2
        assert seen["refs-left"] == seen["headroom"] * seen["refs-per-frame"] - 8
    assert info()["refs"] == 0


# The device.

def test_msix_tables_are_not_granted(bench, pv, granter):
    # The bench's own console device: its BAR 1 holds the table and the pending bits.
    lines = run_cases(bench.dom0, f"msix {pv.domid} 0000:00:1e.0 1 0 0")
    assert "PASS MSI-X table: Operation not permitted, expected Operation not permitted" in lines


def test_rest_of_the_page_behind_a_small_bar_is_reserved(bench, pv, granter):
    device = devices.SMALL
    size = bench.dom0(f"sed -n 1p /sys/bus/pci/devices/{device}/resource").check().out.split()
    start, end = int(size[0], 16), int(size[1], 16)
    assert (start % PAGE, end - start + 1) == (0, 256)
    bench.dom0(f"echo 1 > /sys/bus/pci/devices/{device}/enable").check()
    with references(bench, pv, f"{device} 0 0 {PAGE}"):
        regions = bench.dom0("grep xen_iomemgrant /proc/iomem").check().out
        assert f"{start:08x}-{end:08x} : xen_iomemgrant" in regions
        assert f"{end + 1:08x}-{start + PAGE - 1:08x} : xen_iomemgrant" in regions
    assert bench.dom0("grep xen_iomemgrant /proc/iomem").rc == 1


def test_device_turned_off_through_sysfs_while_granted(bench, pv, granter):
    enable = f"/sys/bus/pci/devices/{bench.edu}/enable"
    with references(bench, pv, f"{bench.edu} 0 0 {PAGE}"):
        bench.dom0(f"while [ $(cat {enable}) -gt 0 ]; do echo 0 > {enable}; done").check()
    # The PCI core would have complained on the console by now.
    bench.dom0(f"echo 1 > {enable}").check()


def test_driver_that_comes_after_the_grant_is_noticed(bench, pv, granter):
    device = f"/sys/bus/pci/devices/{bench.shm}"
    with references(bench, pv, f"{bench.shm} 2 0 {PAGE}"):
        bench.dom0(f"modprobe uio_pci_generic; echo uio_pci_generic > {device}/driver_override;"
                   f"echo {bench.shm} > /sys/bus/pci/drivers_probe; test -e {device}/driver").check()
        try:
            refused = bench.dom0(f"iomem-ktest grant {pv.domid} {bench.shm} 2 {PAGE} {PAGE}")
            assert refused.rc == 1 and "Device or resource busy" in refused.err
            with references(bench, pv, f"{bench.shm} 2 {PAGE} {PAGE}", allow=1) as (second, _):
                bench.dom0(f"echo {bench.shm} > {device}/driver/unbind").check()
                # It was lent by a driver that has left.
                assert entries(bench)[second]["state"] == str(LOST)
        finally:
            bench.dom0(f"[ ! -e {device}/driver ] || echo {bench.shm} > {device}/driver/unbind;"
                       f"echo > {device}/driver_override; rmmod uio_pci_generic uio; echo 1 > {device}/enable")


def test_removed_device_is_lost_until_its_guest_lets_go(bench, guest, granter):
    device = devices.REMOVED    # no other test needs its place: when it comes back its BAR is elsewhere
    bench.dom0(f"echo 1 > /sys/bus/pci/devices/{device}/enable").check()
    references = granter.references()
    grant = granter.grant(guest, f"{device}/0@0+8K")
    program = guest.start(f"iomem-probe hold {node(grant)} 8192")
    program.wait_for_output("mapped")
    window = entries(bench)[grant["id"]]["address"][2:]
    gone = f"grep -i '^ *{window}.*xen_iomemgrant (device gone)' /proc/iomem"
    try:
        bench.dom0(f"xl pause {guest.domid}; echo 1 > /sys/bus/pci/devices/{device}/remove").check()
        # The guest does not run and keeps its pages: no other device gets these addresses.
        wait_until(lambda: entries(bench)[grant["id"]]["state"] == str(LOST))
        wait_until(lambda: bench.dom0(gone).rc == 0)
        lost = entries(bench)[grant["id"]]
        assert (lost["mapped"], lost["lost"]) == ("2", "1")
        # No command revokes: the module tells the guest, the guest lets go, and the grant ends.
        bench.dom0(f"xl unpause {guest.domid}").check()
        assert program.wait() == 0 and program.output() == "mapped\nSIGBUS\n"
        wait_until(lambda: guest.run(f"test -e {node(grant)}").rc == 1)
        wait_until(lambda: grant["id"] not in entries(bench))
        assert bench.dom0("grep xen_iomemgrant /proc/iomem").rc == 1
        assert granter.list() == [] and granter.references() == references
        assert "/backend/iomem" not in bench.xenstore("/local/domain/0")
    finally:
        bench.dom0(f"xl unpause {guest.domid}; echo 1 > /sys/bus/pci/rescan;"
                   f"echo 1 > /sys/bus/pci/devices/{device}/enable").check()
    grant = granter.grant(guest, f"{device}/0@0+4K")
    assert Agent(guest).read(grant, 0) == EDU_ID
    granter.revoke(grant)


# Ends.

@pytest.mark.extra_guest
def test_busy_grant_is_ending_and_ends_when_its_guest_dies(bench, kind, granter):
    victim = bench.start_guest(f"busy-{kind}", kind)
    grant = granter.grant(victim, f"{bench.shm}/2@0+8K")
    state = f"/sys/class/iomemgrant/grant{grant['id']}/state"
    busy = bench.dom0(f"iomem-ktest end {grant['id']}")
    assert (busy.rc, busy.out) == (1, "Device or resource busy state=2\n")
    assert bench.dom0(f"cat {state}").out == "ending\n"
    assert entries(bench)[grant["id"]]["mapped"] == "2"
    assert bench.dom0("rmmod xen_iomemgrant").rc == 1
    assert bench.dom0(f"timeout 1 iomem-ktest end {grant['id']} wait; echo $?").out == "143\n"
    # The guest does not notice: what it has mapped, it keeps.
    assert victim.run(f"iomem-probe read {node(grant)} 0").rc == 0
    took = bench.dom0(f"xl destroy {victim.name}; s=$(cut -d. -f1 /proc/uptime);"
                      f"while [ -e {state} ]; do usleep 50000; done; e=$(cut -d. -f1 /proc/uptime); echo $((e - s))")
    victim.gone()
    # Well under a second or two; without the watch on dying domains it would be up to ten.
    print(f"the grant of a destroyed guest ended after {took.check().out.strip()} s")
    assert int(took.out) < 8
    granter.run(f"revoke {grant['id']} --ignore-missing").check()
    assert granter.list() == []


def test_guest_cannot_map_again_what_is_ending(bench, guest):
    made, first = bench.dom0(f"iomem-ktest grant {guest.domid} {bench.shm} 2 0 {4 * PAGE}").check().out.split()[:2]
    face = f"/sys/class/iomemgrant/grant{made}"
    guest.run("modprobe xen_iomemgrant; rm -f /run/go").check()
    program = guest.start(f"iomem-ktest remap {first} 4 /run/go")
    program.wait_for_output("the first map")
    assert bench.dom0(f"iomem-ktest end {made}").out == "Device or resource busy state=2\n"
    # The module looks once in two seconds by now, which leaves the guest time to map again.
    time.sleep(3)
    assert entries(bench)[int(made)]["mapped"] == "4"
    guest.run("touch /run/go").check()
    assert program.wait() == 0, program.output()
    wait_until(lambda: bench.dom0(f"test -e {face}").rc == 1)


def test_guest_unbinds_and_unloads_under_a_grant(bench, guest, granter):
    grant = granter.grant(guest, f"{bench.shm}/2@0+4K")
    holder = guest.start(f"iomem-probe hold {node(grant)} 4096")
    holder.wait_for_output("mapped")
    assert guest.run("rmmod xen_iomemgrant").rc != 0, "a bound device keeps the module"
    guest.run(f"echo iomem-{grant['id']} > /sys/bus/xen/drivers/xen_iomemgrant/unbind").check()
    # Unbinding takes the pages from whoever uses them, and from Xen's books.
    assert holder.wait() == 0 and holder.output() == "mapped\nSIGBUS\n"
    assert guest.run(f"test -e {node(grant)}").rc == 1
    assert entries(bench)[grant["id"]]["mapped"] == "0"
    assert module_users(guest.run) == "0"
    guest.run("rmmod xen_iomemgrant").check()
    # Loaded again, it takes up the same offer.
    guest.run("modprobe xen_iomemgrant").check()
    wait_until(lambda: guest.run(f"test -c {node(grant)}").rc == 0)
    bench.shm_write(0, b"load")
    assert Agent(guest).read(grant, 0) == int.from_bytes(b"load", "little")
    granter.revoke(grant)
