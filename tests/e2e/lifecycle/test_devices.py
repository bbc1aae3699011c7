# SPDX-License-Identifier: GPL-2.0-or-later
"""Real kinds of devices: drivers, DMA, MSI-X tables in the BAR, and a BAR that is large."""

import json

import pytest

from devices import BIG, BIG_SIZE, E1000E, NVME, REMOVED
from product import Agent, node
from scenario import wait_until
from test_hotplug import SYSFS, driven, plugged, settled  # noqa: F401 (two are fixtures)

# A register that tells the device, in a page without MSI-X: NVMe's version (1.4), e1000e's status.
NVME_VERSION = 0x8
E1000E_STATUS = 0x8
# Bits of the command register.
DECODE, MASTER = 2, 4
PORT = "0000:00:16.0"           # the bridge above the hot-plug slot
LOST = "state=3"


def test_a_device_in_use_needs_every_override_by_name(bench, guest, granter, driven):  # noqa: F811
    bdf, _ = driven
    region = f"{bdf}/0@0+4K"
    for allow, missing in (("", "dma-capable"), ("--allow=dma-capable", "driver-bound"),
                           ("--allow=driver-bound", "dma-capable")):
        refusal = granter.refused(f"grant {guest.name} {region} {allow}")
        assert (refusal.rc, refusal.slug) == (6, missing) and refusal.hint, refusal
    grant = granter.grant(guest, region, "--allow=driver-bound,dma-capable")
    offset = {NVME: NVME_VERSION, E1000E: E1000E_STATUS}[bdf]
    value = Agent(guest).read(grant, offset)
    assert value == 0x00010400 if bdf == NVME else value not in (0, 0xFFFFFFFF), hex(value)
    granter.revoke(grant)


def msix_bar(bdf):
    """BAR, and the page in it that holds the MSI-X table."""
    return {NVME: (0, 0x2000), E1000E: (3, 0x0)}[bdf]


@pytest.mark.parametrize("bdf", [NVME, E1000E], ids=["nvme", "e1000e"])
def test_a_page_with_the_msix_table_is_never_granted(bench, pv, granter, bdf):
    bar, offset = msix_bar(bdf)
    bench.dom0(f"echo 1 > /sys/bus/pci/devices/{bdf}/enable").check()
    for allow in ("", "--allow=driver-bound,dma-capable,shared-page,decode-off,critical-device"):
        refusal = granter.refused(f"grant {pv.name} {bdf}/{bar}@{offset:#x}+4K {allow}")
        assert (refusal.rc, refusal.slug) == (6, "msix-table"), refusal
    assert granter.list() == []


def test_pages_at_both_ends_of_a_large_bar(bench, guest, granter):
    bench.dom0(f"echo 1 > /sys/bus/pci/devices/{BIG}/enable").check()
    last = BIG_SIZE - 4096
    with (bench.logs / "devices/big-bar").open("r+b") as file:
        for offset, value in ((0, b"\x11" * 4), (last, b"\x22" * 4)):
            file.seek(offset)
            file.write(value)
    document = json.loads(granter.run(
        f"--json grant {guest.name} {BIG}/2@0+4K {BIG}/2@{last:#x}+4K --cache=wc").check().out)
    first, end = document["grants"]
    assert Agent(guest).read(first, 0) == 0x11111111 and Agent(guest).read(end, 0) == 0x22222222
    granter.revoke(first, end)


def test_more_pages_than_a_grant_may_have_are_refused_with_the_limit(bench, pv, granter):
    refusal = granter.refused(f"grant {pv.name} {BIG}/2")
    assert refusal.rc == 7, refusal
    assert granter.list() == []


# What befalls a device while some of it is granted.

def command(bench, bdf):
    """The command register of a device."""
    return int(bench.dom0(f"od -An -tu2 -j4 -N2 {SYSFS}/{bdf}/config").check().out)


def reserved(bench, text="xen_iomemgrant"):
    """Whether dom0 says that the module has a region."""
    return bench.dom0(f"grep '{text}' /proc/iomem").rc == 0


def test_a_driver_that_leaves_leaves_no_dma_behind(bench, guest, granter, driven):  # noqa: F811
    bdf, driver = driven
    grant = granter.grant(guest, f"{bdf}/0@0+4K", "--allow=driver-bound,dma-capable")
    program = guest.start(f"iomem-probe hold {node(grant)} 4096")
    program.wait_for_output("mapped")
    assert command(bench, bdf) & MASTER and not reserved(bench)
    # A guest that does not run keeps its page.
    bench.dom0(f"xl pause {guest.domid}; echo {bdf} > /sys/bus/pci/drivers/{driver}/unbind").check()
    try:
        # At once: the guest may have told the device to use what the driver no longer owns.
        assert command(bench, bdf) & (DECODE | MASTER) == DECODE
        # The granted page is the module's until the guest has let go.
        assert reserved(bench)
        bench.dom0(f"xl unpause {guest.domid}").check()
        assert program.wait() == 0
        wait_until("the grant has ended by itself", lambda: granter.list() == [] and not reserved(bench))
    finally:
        bench.dom0(f"xl unpause {guest.domid}; echo {bdf} > /sys/bus/pci/drivers/{driver}/bind").check()


def test_the_end_of_a_grant_takes_nothing_from_a_driver(bench, pv, granter):
    device = f"{SYSFS}/{bench.shm}"
    before = bench.dom0(f"cat {device}/enable").check().out
    bench.dom0(f"modprobe uio_pci_generic; echo uio_pci_generic > {device}/driver_override;"
               f"echo {bench.shm} > /sys/bus/pci/drivers_probe; test -e {device}/driver").check()
    try:
        assert int(bench.dom0(f"cat {device}/enable").out) == int(before) + 1
        made = bench.dom0(f"iomem-ktest grant {pv.domid} {bench.shm} 2 0 4096 1").check().out.split()
        bench.dom0(f"iomem-ktest end {made[0]}").check()
        assert int(bench.dom0(f"cat {device}/enable").out) == int(before) + 1
    finally:
        bench.dom0(f"[ ! -e {device}/driver ] || echo {bench.shm} > {device}/driver/unbind;"
                   f"echo > {device}/driver_override; rmmod uio_pci_generic uio")
    # The driver's own count went with it.
    assert bench.dom0(f"cat {device}/enable").out == before
    assert not reserved(bench)


def test_a_driver_that_comes_ends_what_was_granted_without_it(bench, pv, granter):
    device = f"{SYSFS}/{bench.shm}"
    made = [bench.dom0(f"iomem-ktest grant {pv.domid} {bench.shm} 2 {page * 4096} 4096 {allow}").check().out.split()[0]
            for page, allow in ((0, 0), (1, 1))]
    try:
        bench.dom0(f"modprobe uio_pci_generic; echo uio_pci_generic > {device}/driver_override;"
                   f"echo {bench.shm} > /sys/bus/pci/drivers_probe; test -e {device}/driver").check()
        without, allowed = bench.dom0("iomem-ktest list").check().out.splitlines()
        assert without.startswith(f"id={made[0]} ") and LOST in without, without
        assert allowed.startswith(f"id={made[1]} ") and LOST not in allowed, allowed
    finally:
        bench.dom0(f"for id in {' '.join(made)}; do iomem-ktest end $id; done;"
                   f"[ ! -e {device}/driver ] || echo {bench.shm} > {device}/driver/unbind;"
                   f"echo > {device}/driver_override; rmmod uio_pci_generic uio")
    assert not reserved(bench)


def test_a_device_that_pciback_gives_to_another_domain(bench, pv, granter):
    """No such domain is needed: pciback believes what is in XenStore."""
    device = f"{SYSFS}/{REMOVED}"
    back, front = "/local/domain/0/backend/pci/999/0", "/local/domain/999/device/pci/0"
    bench.dom0(f"echo 1 > {device}/enable; modprobe xen-pciback; echo pciback > {device}/driver_override;"
               f"echo {REMOVED} > /sys/bus/pci/drivers_probe; test -e /sys/bus/pci/drivers/pciback/{REMOVED}").check()
    made = None
    try:
        # Held for a guest, but not given to one yet.
        made = bench.dom0(f"iomem-ktest grant {pv.domid} {REMOVED} 0 0 4096").check().out.split()[0]
        assert LOST not in bench.dom0("iomem-ktest list").check().out
        bench.dom0(f"xenstore-write {front}/backend {back} {front}/backend-id 0 {front}/state 1;"
                   f"xenstore-write {back}/frontend {front} {back}/frontend-id 999 {back}/online 1 {back}/num_devs 1"
                   f" {back}/dev-0 {REMOVED} {back}/state 1").check()
        wait_until("the grant is lost", lambda: LOST in bench.dom0("iomem-ktest list").out)
        again = bench.dom0(f"iomem-ktest grant {pv.domid} {REMOVED} 0 4096 4096")
        assert again.rc == 1 and "Device or resource busy" in again.err, again.text
    finally:
        if made:
            bench.dom0(f"iomem-ktest end {made}")
        bench.dom0(f"xenstore-rm {back}; xenstore-rm /local/domain/999")
        wait_until("pciback lets go", lambda: bench.dom0("test -e /sys/bus/xen-backend/devices/pci-999-0").rc == 1)
        bench.dom0(f"echo {REMOVED} > /sys/bus/pci/drivers/pciback/unbind; echo > {device}/driver_override;"
                   f"rmmod xen-pciback; echo 1 > {device}/enable")
    assert not reserved(bench)


def test_addresses_stay_reserved_when_the_bridge_goes_too(bench, guest, granter, plugged):  # noqa: F811
    low, high = (int(word, 16) for word in
                 bench.dom0(f"sed -n 1p {SYSFS}/{plugged}/resource").check().out.split()[:2])
    place = f"{low:08x}-{high:08x} : xen_iomemgrant (device gone)"
    granter.grant(guest, f"{plugged}/0@0+4K")
    try:
        # A guest that does not run keeps its page.
        bench.dom0(f"xl pause {guest.domid}; echo 1 > {SYSFS}/{plugged}/remove").check()
        wait_until("the addresses are reserved", lambda: reserved(bench, place))
        bench.dom0(f"echo 1 > {SYSFS}/{PORT}/remove").check()
        wait_until("they are without the bridge", lambda: reserved(bench, place))
        bench.dom0(f"xl unpause {guest.domid}").check()
        wait_until("the grant has ended by itself", lambda: granter.list() == [] and not reserved(bench))
    finally:
        bench.dom0(f"xl unpause {guest.domid}; echo 1 > /sys/bus/pci/rescan").check()
        settled(bench, True)
