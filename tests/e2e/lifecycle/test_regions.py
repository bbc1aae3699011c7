# SPDX-License-Identifier: GPL-2.0-or-later
"""What dom0 may do with the pages of a BAR that are not granted, and with those that are."""

import contextlib

import pytest

from devices import REMOVED
from scenario import EDU_ID, host_driver

SYSFS = "/sys/bus/pci/devices"
PAGE = 4096


@pytest.fixture
def start(bench):
    """The address of the BAR."""
    bench.dom0(f"echo 1 > {SYSFS}/{REMOVED}/enable").check()
    return int(bench.dom0(f"sed -n 1p {SYSFS}/{REMOVED}/resource").check().out.split()[0], 16)


@contextlib.contextmanager
def granted(bench, domid, first, count, share=False):
    flags = 1 | (4 if share else 0)
    made = bench.dom0(f"iomem-ktest grant {domid} {REMOVED} 0 {first * PAGE} {count * PAGE} 0 {flags}").check()
    number = made.out.split()[0]
    yield number
    bench.dom0(f"iomem-ktest end {number}").check()


def reserved(bench):
    """The ranges that the module has reserved, as /proc/iomem shows them."""
    lines = bench.dom0("grep ': xen_iomemgrant$' /proc/iomem").out.splitlines()
    return [tuple(int(word, 16) for word in line.split(" : ")[0].split("-")) for line in lines]


def spans(start, *pages):
    return [(start + first * PAGE, start + (first + count) * PAGE - 1) for first, count in pages]


def test_granted_pages_are_reserved_and_no_others(bench, pv, granter, start):
    with granted(bench, pv.domid, 4, 2), granted(bench, pv.domid, 8, 1):
        assert reserved(bench) == spans(start, (4, 2), (8, 1))
    assert reserved(bench) == []


def test_dom0_maps_the_rest_of_a_bar_of_which_pages_are_granted(bench, pv, granter, start):
    read = f"iomem-probe read {SYSFS}/{REMOVED}/resource0 "
    with granted(bench, pv.domid, 4, 1):
        assert int(bench.dom0(read + "0").check().out, 0) == EDU_ID
    # Linux looks at the first page of the BAR alone.
    with granted(bench, pv.domid, 0, 1):
        assert "Invalid argument" in bench.dom0(read + f"{4 * PAGE}").out
    assert int(bench.dom0(read + "0").check().out, 0) == EDU_ID


@pytest.mark.parametrize("first", [0, 4])
def test_a_driver_does_not_get_a_bar_of_which_pages_are_granted(bench, pv, granter, start, first):
    with host_driver(bench, "claim=1") as bind:
        with granted(bench, pv.domid, first, 1):
            assert not bind()
            assert reserved(bench) == spans(start, (first, 1))
        # pci_request_regions() answered -EBUSY, and works now.
        assert "can't reserve" in bench.dom0("dmesg | tail -5").out
        assert bind()


def test_pages_shared_by_two_guests_stay_reserved_for_the_second(bench, pv, pvh, granter, start):
    with granted(bench, pv.domid, 2, 2):
        with contextlib.ExitStack() as first:
            first.enter_context(granted(bench, pvh.domid, 1, 2, share=True))
            assert sorted(reserved(bench)) == spans(start, (1, 1), (2, 2))
        assert reserved(bench) == spans(start, (2, 2))
    with contextlib.ExitStack() as first:
        first.enter_context(granted(bench, pv.domid, 0, 8))
        with granted(bench, pvh.domid, 6, 4, share=True):
            assert sorted(reserved(bench)) == spans(start, (0, 8), (8, 2))
            first.close()
            assert sorted(reserved(bench)) == spans(start, (6, 2), (8, 2))
    assert reserved(bench) == []
