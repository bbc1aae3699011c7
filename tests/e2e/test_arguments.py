# SPDX-License-Identifier: GPL-2.0-or-later
"""Every wrong argument: one line with its slug, its exit status, and nothing changed."""

import json

import pytest

EDU = "0000:00:10.0"
SHM = "0000:00:11.0"

# arguments, exit status, slug, has a hint
WRONG = [
    # what was typed
    ("grant GUEST 0000:00.10.0/0", 2, "bad-bdf"),
    ("grant GUEST 0000:00:10.9/0", 2, "bad-bdf"),
    (f"grant GUEST {EDU}/7", 2, "bad-bar"),
    (f"grant GUEST {EDU}", 2, "bad-region"),
    (f"grant GUEST {EDU}/0@0x100+4K", 2, "unaligned"),
    (f"grant GUEST {EDU}/0@0+100", 2, "unaligned"),
    (f"grant GUEST {EDU}/0@0+0", 2, "empty-range"),
    (f"grant GUEST {EDU}/0@1M+4K", 2, "range-past-end"),
    (f"grant GUEST {EDU}/0@0+2M", 2, "range-past-end"),
    (f"grant GUEST {EDU}/0@0xfffffffffffff000+8K", 2, None),
    (f"grant GUEST {EDU}/0@-4096", 2, None),
    (f"grant GUEST {EDU}/0@0+4K --cache=wb", 2, "cache-wb"),
    (f"grant GUEST {EDU}/0@0+4K --label=-x", 2, "bad-label"),
    (f"grant GUEST {EDU}/0@0+4K --label=a/b", 2, "bad-label"),
    (f"grant GUEST {EDU}/0@0+4K --allow=everything", 2, "bad-class"),
    (f"grant GUEST {EDU}/0@0+4K --frobnicate", 2, "usage"),
    ("grant GUEST", 2, "usage"),
    ("grant", 2, "usage"),
    ("frobnicate", 2, "usage"),
    (f"grant 0 {EDU}/0@0+4K", 2, "self-grant"),
    (f"grant uuid:xyz {EDU}/0@0+4K", 2, "bad-domain"),
    ("revoke gx", 2, "bad-grant-id"),
    # what is not there
    (f"grant nobody {EDU}/0@0+4K", 3, "no-domain"),
    (f"grant 4711 {EDU}/0@0+4K", 3, "no-domain"),
    ("grant GUEST 0000:00:15.0/0", 3, "no-device"),
    (f"grant GUEST {EDU}/3@0+4K", 3, "no-bar"),
    (f"grant GUEST {SHM}/3@0+4K", 3, "bar-upper-half"),
    ("grant GUEST 0000:00:1f.2/4", 3, "bar-io"),
    ("revoke 4711", 3, "no-grant"),
    ("show 4711", 3, "no-grant"),
    # what is not granted
    (f"grant GUEST {EDU}/rom", 6, "bar-rom"),
    (f"grant GUEST {EDU}/0@0+4K --read-only", 9, "read-only-unsupported"),
]


@pytest.fixture
def unchanged(machine, bench, pv):
    """A guest; XenStore and the module are the same after the test as before it."""
    machine.wait_for_guests()
    before = bench.xenstore(), bench.dom0("iomem-probe info").out
    yield pv
    assert (bench.xenstore(), bench.dom0("iomem-probe info").out) == before


@pytest.mark.parametrize("arguments, status, slug", WRONG, ids=[w[0].replace("/", "_") for w in WRONG])
def test_wrong_argument(bench, pv, unchanged, arguments, status, slug):
    arguments = arguments.replace("GUEST", unchanged.name)
    result = bench.dom0(f"xen-iomemgrant {arguments}; rc=$?; xen-iomemgrant list --no-legend; exit $rc")
    lines = result.err.splitlines()
    assert result.rc == status, result.text
    assert result.out == "", "nothing may be granted"
    assert lines and lines[0].startswith("xen-iomemgrant: error: "), result.err
    if slug:
        assert lines[0].endswith(f" [{slug}]"), result.err
    assert len(lines) <= 2 and all(line.startswith("hint: ") for line in lines[1:]), result.err


def test_errors_are_json_too(bench, pv, unchanged):
    result = bench.dom0(f"xen-iomemgrant --json grant {unchanged.name} {EDU}/7")
    document = json.loads(result.out)
    assert result.rc == 2
    assert document["schema"] == "xen-iomemgrant/error/1" and document["ok"] is False
    assert document["error"]["code"] == "bad-bar" and document["error"]["exit"] == 2


def test_decoding_off_is_refused(bench, pv, unchanged):
    # Bit 1 of the command register; sysfs's `enable` leaves it on when it is switched off.
    def command(byte):
        bench.dom0(f"printf '\\{byte:03o}' | dd of=/sys/bus/pci/devices/{EDU}/config bs=1 seek=4 conv=notrunc 2>&1").check()

    command(0)
    try:
        result = bench.dom0(f"xen-iomemgrant grant {unchanged.name} {EDU}/0@0+4K")
        assert result.rc == 6 and "[decode-off]" in result.err, result.text
    finally:
        command(2)


def test_help_needs_nothing(bench):
    for arguments in ("--help", "grant --help", "version", "--version"):
        result = bench.dom0(f"mv /dev/xen /dev/xen.away; xen-iomemgrant {arguments}; rc=$?; mv /dev/xen.away /dev/xen; exit $rc")
        assert result.rc == 0 and result.out, result.text


def test_each_missing_layer_has_its_own_message(bench, pv, unchanged):
    grant = f"xen-iomemgrant grant {unchanged.name} {EDU}/0@0+4K"
    result = bench.dom0(f"mv /dev/xen/iomemgrant /dev/away; {grant}; rc=$?; mv /dev/away /dev/xen/iomemgrant; exit $rc")
    assert result.rc == 9 and "[no-module]" in result.err, result.text
    result = unchanged.run(f"xen-iomemgrant grant x {EDU}/0@0+4K")
    assert result.rc == 9 and "[not-dom0]" in result.err, result.text
