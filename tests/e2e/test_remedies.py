# SPDX-License-Identifier: GPL-2.0-or-later
"""The remedies that hints of refusals name, each carried out; and refusals that bars, check and grant share.

On a machine of its own: its dom0 boots with the option that one of the hints names, and has SR-IOV.
"""

import json

import pytest

from devices import SMALL
from product import Granter, wait_until

SYSFS = "/sys/bus/pci/devices"
ERST = "0000:00:1b.0"
# Buses of two hot-plug slots.  Linux is told to align BARs behind the second one.
PACKED, ALIGNED = "0000:02", "0000:03"


@pytest.fixture(scope="module")
def remedied(tested):
    arguments = [
        "-device", "sdhci-pci,addr=17.0",
        "-object", "memory-backend-ram,id=erst,size=64K", "-device", "acpi-erst,memdev=erst,addr=1b.0",
        "-device", "pcie-root-port,id=functions,addr=15.0,chassis=7", "-device", "nvme-subsys,id=subsystem",
        "-device", "nvme,serial=pf,subsys=subsystem,sriov_max_vfs=2,max_ioqpairs=8,msix_qsize=9,"
        "sriov_vq_flexible=4,sriov_vi_flexible=2,bus=functions",
        "-device", "pcie-root-port,id=packed,addr=16.0,chassis=8",
        "-device", "pcie-root-port,id=aligned,addr=19.0,chassis=9",
    ]
    options = ";".join(f"12@{bdf}" for bdf in (SMALL, f"{ALIGNED}:00.0", f"{ALIGNED}:00.1"))
    with tested.boot(tested.logs / "remedies", devices=arguments,
                     dom0_options=f"pci=resource_alignment={options}") as bench:
        bench.start_guest("web1", "pv")
        yield bench
        assert bench.alarms == []


def verdict(bench, region, options=""):
    result = bench.dom0(f"xen-iomemgrant --json check web1 {region} {options}")
    return result.rc, json.loads(result.out)["regions"][0]["findings"]


def codes(bench, region, options=""):
    return [finding["code"] for finding in verdict(bench, region, options)[1] if not finding["lifted"]]


def hint(bench, region, code):
    (found,) = [finding["hint"] for finding in verdict(bench, region)[1] if finding["code"] == code]
    return found


def test_a_bar_moved_by_the_boot_option_decodes_again_with_the_hint(remedied):
    line = remedied.dom0(f"sed -n 1p {SYSFS}/{SMALL}/resource").check().out.split()
    start, end = int(line[0], 16), int(line[1], 16)
    assert start % 4096 == 0 and end - start + 1 == 4096, line
    assert codes(remedied, f"{SMALL}/0") == ["decode-off"]
    assert hint(remedied, f"{SMALL}/0", "decode-off") == f"setpci -s {SMALL} COMMAND=2:2"
    remedied.dom0(hint(remedied, f"{SMALL}/0", "decode-off")).check()
    assert codes(remedied, f"{SMALL}/0") == []


def two_functions(bench, slot, bus):
    """Plugs a device with two functions, each with a BAR of 256 bytes, into a slot."""
    bench.qmp("device_add", driver="sdhci-pci", id=f"{slot}1", bus=slot, addr="0.1")
    bench.qmp("device_add", driver="sdhci-pci", id=f"{slot}0", bus=slot, addr="0.0", multifunction=True)
    for function in (0, 1):
        wait_until(lambda: bench.dom0(f"test -e {SYSFS}/{bus}:00.{function}/config").rc == 0, 20)
    return f"{bus}:00.0/0"


def test_small_bars_that_hot_plug_packs_into_one_page_are_granted_as_the_hints_say(remedied):
    region = two_functions(remedied, "packed", PACKED)
    assert sorted(codes(remedied, region)) == ["decode-off", "shared-page"]
    remedied.dom0(hint(remedied, region, "decode-off")).check()
    assert codes(remedied, region) == ["shared-page"]
    assert f"pci=resource_alignment=12@{PACKED}:00.0" in hint(remedied, region, "shared-page")
    # The first remedy of that hint needs a boot: the kernel of this dom0 got the option for the other slot.
    region = two_functions(remedied, "aligned", ALIGNED)
    assert codes(remedied, region) == ["decode-off"]
    remedied.dom0(hint(remedied, region, "decode-off")).check()
    assert codes(remedied, region) == []
    granter = Granter(remedied)
    granter.run(f"grant web1 {region} --no-wait").check()
    # The second one needs none.
    granter.run(f"grant web1 {PACKED}:00.0/0 --allow=shared-page --no-wait").check()
    granter.run("revoke --all").check()


@pytest.mark.parametrize("holder", ["none", "pciback"])
def test_decoding_is_turned_on_whatever_holds_the_device(remedied, holder):
    bdf = remedied.edu
    folder = f"{SYSFS}/{bdf}"
    # Linux' count of users is above 0 while the bit is clear, so that `enable` would do nothing.
    remedied.dom0(f"echo 1 > {folder}/enable").check()
    try:
        if holder == "pciback":
            remedied.dom0(f"modprobe xen-pciback; echo pciback > {folder}/driver_override;"
                          f"echo {bdf} > /sys/bus/pci/drivers_probe; test -e /sys/bus/pci/drivers/pciback/{bdf}").check()
        remedied.dom0(f"setpci -s {bdf} COMMAND=0:2").check()
        assert codes(remedied, f"{bdf}/0@0+4K") == ["decode-off"]
        remedied.dom0(f"echo 1 > {folder}/enable")
        assert codes(remedied, f"{bdf}/0@0+4K") == ["decode-off"]
        remedied.dom0(hint(remedied, f"{bdf}/0@0+4K", "decode-off")).check()
        assert codes(remedied, f"{bdf}/0@0+4K") == []
    finally:
        if holder == "pciback":
            remedied.dom0(f"echo {bdf} > /sys/bus/pci/drivers/pciback/unbind; echo > {folder}/driver_override;"
                          "rmmod xen-pciback")
    granter = Granter(remedied)
    remedied.dom0(f"setpci -s {bdf} COMMAND=2:2").check()
    granter.run(f"grant web1 {bdf}/0@0+4K --no-wait").check()
    granter.run("revoke --all").check()


def test_a_virtual_function_decodes_with_its_physical_one(remedied):
    remedied.dom0("modprobe nvme").check()
    folder = remedied.dom0(f"dirname {SYSFS}/0000:*/sriov_numvfs").check().out.strip()
    physical = folder.rsplit("/", 1)[1]
    remedied.dom0(f"echo 0 > {folder}/sriov_drivers_autoprobe; echo 1 > {folder}/sriov_numvfs").check()
    try:
        virtual = remedied.dom0(f"readlink {folder}/virtfn0").check().out.strip().rsplit("/", 1)[1]
        region = f"{virtual}/0@0+4K"
        assert codes(remedied, region) == []
        remedied.dom0(f"setpci -s {physical} ECAP_SRIOV+8.w=0:8").check()
        assert codes(remedied, region) == ["decode-off"]
        assert hint(remedied, region, "decode-off") == f"setpci -s {physical} ECAP_SRIOV+8.w=8:8"
        remedied.dom0(hint(remedied, region, "decode-off")).check()
        assert codes(remedied, region) == []
    finally:
        remedied.dom0(f"echo 0 > {folder}/sriov_numvfs; rmmod nvme").check()


def test_a_device_is_found_again_as_the_hint_for_a_dead_one_says(remedied):
    bdf = remedied.edu
    remedied.dom0(f"echo 1 > {SYSFS}/{bdf}/remove; echo 1 > /sys/bus/pci/rescan").check()
    wait_until(lambda: remedied.dom0(f"test -e {SYSFS}/{bdf}/config").rc == 0, 10)
    for code in codes(remedied, f"{bdf}/0@0+4K"):
        remedied.dom0(hint(remedied, f"{bdf}/0@0+4K", code)).check()
    assert codes(remedied, f"{bdf}/0@0+4K") == []


def test_a_bar_reserved_without_a_driver_is_refused_by_all_three(remedied):
    assert "APEI ERST" in remedied.dom0("cat /proc/iomem").check().out
    regions = {f"{ERST}/{bar}": codes(remedied, f"{ERST}/{bar}") for bar in (0, 1)}
    (region,) = [name for name, found in regions.items() if found == ["region-busy"]]
    refused = remedied.dom0(f"xen-iomemgrant grant web1 {region} --no-wait")
    assert refused.rc == 5 and "reserved by 'APEI ERST' in dom0" in refused.err, refused.text
    assert "reserved by 'APEI ERST' in dom0" in remedied.dom0(f"xen-iomemgrant bars {ERST}").check().out


def test_a_device_assigned_to_a_guest_is_refused_by_all_three(remedied):
    bdf = remedied.edu
    back = "/local/domain/0/backend/pci/999/0"
    remedied.dom0(f"xenstore-write {back}/num_devs 1 {back}/dev-0 {bdf}").check()
    try:
        refused = remedied.dom0(f"xen-iomemgrant grant web1 {bdf}/0@0+4K --no-wait")
        assert refused.rc == 5 and f"{bdf} is assigned to d999 as a whole [device-assigned]" in refused.err
        assert codes(remedied, f"{bdf}/0@0+4K") == ["device-assigned"]
        assert f"no: {bdf} is assigned to d999" in remedied.dom0(f"xen-iomemgrant bars {bdf}").check().out
    finally:
        remedied.dom0("xenstore-rm /local/domain/0/backend/pci").check()


def test_pages_that_another_guest_has_by_iomem_or_with_another_memory_type(remedied):
    bdf = remedied.edu
    line = remedied.dom0(f"sed -n 1p {SYSFS}/{bdf}/resource").check().out.split()
    web2 = remedied.start_guest("web2", "pv", extra=f'iomem=["{int(line[0], 16) // 4096:x},1"]')
    granter = Granter(remedied)
    try:
        assert codes(remedied, f"{bdf}/0@0+4K") == ["overlap"]
        assert codes(remedied, f"{bdf}/0@4K+4K") == []
        granter.run(f"grant web1 {bdf}/0@0+4K --allow=overlap --no-wait").check()
        granter.run(f"grant web1 {bdf}/0@8K+4K --cache=wc --no-wait").check()
        mixed = granter.run(f"grant web2 {bdf}/0@8K+4K --allow=overlap --no-wait")
        assert mixed.rc == 5 and "[cache-conflict]" in mixed.err, mixed.text
        granter.run(f"grant web2 {bdf}/0@8K+4K --allow=overlap --cache=wc --no-wait").check()
    finally:
        granter.run("revoke --all").check()
        web2.destroy()


def test_bars_names_what_fits_into_one_grant(remedied):
    limit = 64
    parameter = "/sys/module/xen_iomemgrant/parameters/max_pages"
    before = remedied.dom0(f"cat {parameter}").check().out.strip()
    remedied.dom0(f"echo {limit} > {parameter}").check()
    try:
        shown = remedied.dom0(f"xen-iomemgrant bars {remedied.edu}").check().out
        assert "yes, 256K in one grant" in shown, shown
        assert codes(remedied, f"{remedied.edu}/0@0+256K") == []
        assert codes(remedied, f"{remedied.edu}/0@0+260K") == ["module-limit"]
    finally:
        remedied.dom0(f"echo {before} > {parameter}").check()
