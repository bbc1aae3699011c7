# SPDX-License-Identifier: GPL-2.0-or-later
"""What is refused on real devices, how much fits, and what doctor says of a real machine."""

import json

import pytest

import devices
from product import checks, problems


@pytest.fixture(scope="module")
def unchanged(machine):
    """XenStore and the module before the first of these tests and after the last."""
    machine.wait_for_guests()
    bench = machine.bench
    state = "xen-iomemgrant -q list; iomem-probe info"
    before = bench.dom0(state).check().out
    yield
    assert bench.dom0(state).check().out == before


def refusal(result):
    document = json.loads(result.out)
    assert document["ok"] is False
    return result.rc, document["error"]["code"]


def test_a_denied_device_is_refused_whatever_the_flags(bench, pv, granter, unchanged):
    grant = f"xen-iomemgrant --json grant {pv.name} {bench.edu}/0@0+4K"
    bench.put("/etc/xen/iomemgrant.toml", '[[deny]]\nid = "1234:11e8"\nreason = "a test"\n')
    try:
        for flags in ("", "--allow=driver-bound,dma-capable,overlap,critical-device", "--dry-run", "--config=/dev/null"):
            assert refusal(bench.dom0(f"{grant} {flags}")) == (4, "policy-denied"), flags
        result = bench.dom0(grant.replace("--json ", ""))
        assert result.err == (
            "xen-iomemgrant: error: 0000:00:10.0 is denied by /etc/xen/iomemgrant.toml:1 (a test) [policy-denied]\n"
            "hint: no --allow lifts this; see xen-iomemgrant.toml(5)\n")
        assert "no: 0000:00:10.0 is denied by" in bench.dom0(f"xen-iomemgrant bars {bench.edu}").check().out
        # Another device is none of its business.
        assert bench.dom0(f"xen-iomemgrant check {pv.name} {bench.shm}/2@0+4K").rc == 0
        bench.put("/etc/xen/iomemgrant.toml", "[[deny]]\nclas = \"01\"\n")
        assert refusal(bench.dom0(grant)) == (2, "bad-policy")
        assert "/etc/xen/iomemgrant.toml:2:1: unknown key 'clas'" in bench.dom0(grant).err
        assert bench.dom0("xen-iomemgrant list").rc == 0
        assert "problem  policy" in bench.dom0("xen-iomemgrant doctor").out
    finally:
        bench.dom0("rm /etc/xen/iomemgrant.toml").check()
    assert bench.dom0(f"xen-iomemgrant check {pv.name} {bench.edu}/0@0+4K").rc == 0


def test_limits_tells_what_the_module_enforces(bench, pv, granter, unchanged):
    limits = granter.json(f"limits {pv.name}")
    table = limits["dom0"]["grant_table"]
    assert table["version"] in (1, 2) and 0 < table["frames"] <= table["max_frames"]
    assert limits["dom0"]["module"]["max_region"] == limits["dom0"]["module"]["max_pages"] * 4096
    # Xen shows its parameters here, and the guest's configuration says nothing else.
    assert limits["domain"]["maptrack"]["source"] == "xen-default"
    assert limits["domain"]["maptrack"]["max_frames"] == 1024
    assert limits["domain"]["xenstore"]["max_nodes"] == 1000
    assert 0 < limits["domain"]["xenstore"]["nodes"] < 200

    # The module's own parameter is the tightest here; what is said to fit does, a page more does not.
    parameter = "/sys/module/xen_iomemgrant/parameters/max_pages"
    before = bench.dom0(f"cat {parameter}").check().out.strip()
    bench.dom0(f"echo 4 > {parameter}").check()
    try:
        limits = granter.json(f"limits {pv.name}")
        assert (limits["max_region"], limits["bound_by"]) == (4 * 4096, "module")
        size = bench.dom0(f"xen-iomemgrant -q limits {pv.name}").check().out.strip()
        assert size == "16K"
        granter.revoke(granter.grant(pv, f"{bench.shm}/2@0+{size}"))
        refused = granter.refused(f"grant {pv.name} {bench.shm}/2@0+20K")
        assert (refused.rc, refused.slug) == (7, "module-limit")
    finally:
        bench.dom0(f"echo {before} > {parameter}").check()

    # So is the headroom: with all frames but a few kept, little is left.
    headroom = "/sys/module/xen_iomemgrant/parameters/headroom"
    before = bench.dom0(f"cat {headroom}").check().out.strip()
    bench.dom0(f"echo 100000 > {headroom}").check()
    try:
        kept = granter.json("limits")["dom0"]["grant_table"]["kept_refs"]
        assert kept == table["max_frames"] // 2 * table["refs_per_frame"]
    finally:
        bench.dom0(f"echo {before} > {headroom}").check()


@pytest.mark.extra_guest
def test_a_guest_that_can_map_little_is_not_offered_more(bench, granter, unchanged):
    guest = bench.start_guest("narrow", "pv", extra="max_maptrack_frames=1")
    try:
        limits = granter.json("limits narrow")
        maptrack = limits["domain"]["maptrack"]
        assert (maptrack["max_frames"], maptrack["source"], maptrack["max_maps"]) == (1, "domain-config", 256)
        assert (limits["max_region"], limits["bound_by"]) == (1 << 20, "maptrack")
        half = granter.grant(guest, f"{bench.shm}/2@0+512K")
        refused = granter.refused(f"grant narrow {bench.shm}/2@512K+512K {bench.edu}/0@0+4K")
        assert (refused.rc, refused.slug) == (7, "maptrack-full"), refused
        assert granter.json("limits narrow")["domain"]["maptrack"]["max_region"] == 512 << 10
        granter.revoke(half)
    finally:
        guest.destroy()


def test_doctor_finds_this_machine_healthy_and_each_broken_layer(bench, granter, unchanged):
    asked = "xen-iomemgrant --json doctor"
    layers = checks(bench.dom0(asked).check())
    assert set(layers) == {"domain", "permissions", "lockdown", "xen", "devices", "module", "hypervisor", "xenstore",
                           "grant-table", "grants", "iommu", "policy"}
    assert layers["xen"]["message"].startswith("version 4.17")
    assert "pv" in layers["domain"]["message"]

    def codes(command):
        return {name: check["code"] for name, check in problems(bench.dom0(command)).items()}

    hidden = "mv /dev/xen/iomemgrant /dev/away; {}; rc=$?; mv /dev/away /dev/xen/iomemgrant; exit $rc"
    assert codes(hidden.format(asked)) == {"devices": "no-module"}
    unnamed = "xenstore-rm /local/domain/0/name; {}; rc=$?; xenstore-write /local/domain/0/name Domain-0; exit $rc"
    assert codes(unnamed.format(asked)) == {"xenstore": "no-xenstore"}


@pytest.mark.flavour("stock")
def test_doctor_names_a_xen_without_the_patch(bench):
    found = problems(bench.dom0("xen-iomemgrant --json doctor"))
    assert set(found) == {"hypervisor"}
    assert found["hypervisor"]["message"] == "Xen does not know GNTMAP_iomem_map"


def test_doctor_in_a_guest(bench, pv, unchanged):
    # Without a grant before this test nothing has loaded the module.
    found = checks(pv.run("modprobe xen_iomemgrant && xen-iomemagent --json doctor").check())
    assert found["domain"]["message"] == "guest, pv" and found["xen"]["message"].startswith("version 4.17")
    here = problems(pv.run("xen-iomemgrant --json doctor"))
    assert {name: check["code"] for name, check in here.items()} == {"domain": "not-dom0"}


@pytest.fixture
def drivers(bench):
    """The drivers of two real devices are at work in dom0."""
    at_work = ((devices.NVME, "nvme"), (devices.E1000E, "e1000e"))
    for address, driver in at_work:
        bench.dom0(f"modprobe {driver}").check()
        assert bench.dom0(f"readlink /sys/bus/pci/devices/{address}/driver").out.strip().endswith(f"/{driver}")
    yield dict(at_work)
    bench.dom0("rmmod nvme e1000e").check()


def test_bars_says_what_speaks_against_devices_at_work(granter, drivers):
    found = {device["bdf"]: device for device in granter.json("bars")["devices"]}
    for address, driver in drivers.items():
        device = found[address]
        assert device["driver"] == driver and device["bus_master"] and device["memory_decode"]
        obstacles = {obstacle["code"] for bar in device["bars"] if bar["grantable"]
                     for obstacle in bar["grantable"]["obstacles"]}
        assert {"driver-bound", "dma-capable", "msix-table"} <= obstacles, (address, obstacles)


def test_each_override_lifts_its_own_refusal_on_real_devices(bench, pv, granter, drivers):
    def codes(region, allow=""):
        result = bench.dom0(f"xen-iomemgrant --json check {pv.name} {region} {allow}")
        (verdict,) = json.loads(result.out)["regions"]
        left = [finding["code"] for finding in verdict["findings"] if not finding["lifted"]]
        assert result.rc == (6 if left else 0), result.text
        return left

    doorbell = f"{devices.NVME}/0@4K+4K"
    assert codes(doorbell) == ["dma-capable", "driver-bound"]
    assert codes(doorbell, "--allow=driver-bound") == ["dma-capable"]
    assert codes(doorbell, "--allow=dma-capable") == ["driver-bound"]
    assert codes(doorbell, "--allow=driver-bound,dma-capable") == []
    everything = "--allow=driver-bound,dma-capable,msix-table,overlap,shared-page,decode-off,critical-device"
    assert codes(f"{devices.E1000E}/3@0+4K", everything) == ["msix-table"]

    for allow, slug in (("driver-bound", "dma-capable"), ("dma-capable", "driver-bound")):
        result = bench.dom0(f"xen-iomemgrant --json grant {pv.name} {doorbell} --allow={allow}")
        assert refusal(result) == (6, slug), result.text
