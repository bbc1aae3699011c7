# SPDX-License-Identifier: GPL-2.0-or-later
"""vfio-pci and its relatives, whose users reset a device and let it do DMA, are drivers like any other."""

import pytest

from devices import REMOVED
from scenario import host_driver

SYSFS = "/sys/bus/pci/devices"
GRANT = f"{REMOVED} 0 0 4096"
LOST_AS_A_DRIVER_CAME = " state=3 "


@pytest.fixture(params=["vfio-pci", "mlx5_vfio_pci"])
def vfio(bench, request):
    """Binds a driver of that name: the real ones want an IOMMU, which a dom0 has not."""
    bench.dom0(f"echo 1 > {SYSFS}/{REMOVED}/enable").check()
    with host_driver(bench, name=request.param) as bind:
        yield bind


def test_it_counts_before_the_grant(bench, pv, granter, vfio):
    assert vfio()
    refused = bench.dom0(f"iomem-ktest grant {pv.domid} {GRANT}")
    assert "Device or resource busy" in refused.err, refused.text


def test_it_counts_after_the_grant(bench, pv, granter, vfio):
    number = bench.dom0(f"iomem-ktest grant {pv.domid} {GRANT}").check().out.split()[0]
    assert vfio()
    assert LOST_AS_A_DRIVER_CAME in bench.dom0("iomem-ktest list").check().out
    bench.dom0(f"iomem-ktest end {number}").check()
