# SPDX-License-Identifier: GPL-2.0-or-later
"""A BAR that gets another place while pages of it are granted."""

import pytest

from devices import REMOVED
from scenario import host_driver, wait_until

SYSFS = "/sys/bus/pci/devices"
MOVED = 2


@pytest.fixture
def enabled(bench):
    bench.dom0(f"echo 1 > {SYSFS}/{REMOVED}/enable").check()


def window(bench):
    low, high = bench.dom0(f"sed -n 1p {SYSFS}/{REMOVED}/resource").check().out.split()[:2]
    return f"{int(low, 16):08x}-{int(high, 16):08x}"


def grant(bench, guest, allow):
    return bench.dom0(f"iomem-ktest grant {guest.domid} {REMOVED} 0 0 4096 {allow}").check().out.split()[0]


def is_lost(bench, number, reason):
    (line,) = [line for line in bench.dom0("iomem-ktest list").check().out.splitlines()
               if line.startswith(f"id={number} ")]
    return " state=3 " in line and f" lost={reason} " in line


def test_a_driver_that_moves_the_bar_in_its_probe(bench, pv, granter, enabled):
    before = window(bench)
    number = grant(bench, pv, 1)
    try:
        with host_driver(bench, "move=1") as bind:
            assert bind()
            # At once: no look is waited for.
            assert is_lost(bench, number, MOVED)
            assert bench.dom0(f"cat /sys/class/iomemgrant/grant{number}/lost_reason").out == "moved\n"
            assert window(bench) != before
            wait_until("the old addresses are reserved", lambda: bench.dom0(
                f"grep -q '{before} : xen_iomemgrant (device gone)' /proc/iomem").rc == 0)
    finally:
        bench.dom0(f"iomem-ktest end {number}").check()
    assert bench.dom0("grep xen_iomemgrant /proc/iomem").rc == 1


def test_a_bar_moved_without_an_event_is_noticed_within_a_second(bench, pv, granter, enabled):
    with host_driver(bench) as bind:
        assert bind()
        number = grant(bench, pv, 1)
        try:
            took = bench.dom0("echo 1 > /sys/module/iomem_host/parameters/move; s=$(cut -d' ' -f1 /proc/uptime);"
                              f"until grep -q lost /sys/class/iomemgrant/grant{number}/state; do usleep 20000; done;"
                              "e=$(cut -d' ' -f1 /proc/uptime); echo $s $e").check().out.split()
            # The rest is the bench's own time.
            assert float(took[1]) - float(took[0]) < 1.5
            assert is_lost(bench, number, MOVED)
        finally:
            bench.dom0(f"iomem-ktest end {number}").check()
    assert bench.dom0("grep xen_iomemgrant /proc/iomem").rc == 1
