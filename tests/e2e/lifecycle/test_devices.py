# SPDX-License-Identifier: GPL-2.0-or-later
"""Real kinds of devices: drivers, DMA, MSI-X tables in the BAR, and a BAR that is large."""

import json

import pytest

from devices import BIG, BIG_SIZE, E1000E, NVME
from product import Agent
from test_hotplug import driven  # noqa: F401 (a fixture)

# A register that tells the device, in a page without MSI-X: NVMe's version (1.4), e1000e's status.
NVME_VERSION = 0x8
E1000E_STATUS = 0x8


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
