# SPDX-License-Identifier: GPL-2.0-or-later
"""Taking grants back from guests that do not help: what each rung of the ladder reaches, and what not."""

import pytest

from product import wait_until
from test_grant import EDU_ID, nothing_left_behind


def refused(granter, grant, options):
    refusal = granter.refused(f"revoke {grant['id']} {options}")
    assert (refusal.rc, refusal.slug) == (5, "still-mapped"), refusal
    return refusal


def grab(guest, grant):
    """A program that maps the references by itself and does not care for XenStore."""
    first = int(grant["refs"][0].split("-")[0], 16)
    program = guest.start(f"iomem-probe grab 0 {first} {grant['pages']}")
    program.wait_for_output("mapped")
    return program


def entry(granter, grant):
    return next((g for g in granter.list() if g["id"] == grant["id"]), None)


def test_a_paused_guest_keeps_its_grant_until_it_runs_again(bench, guest, granter):
    with nothing_left_behind(bench, granter):
        grant = granter.grant(guest, f"{bench.edu}/0@0+4K")
        bench.dom0(f"xl pause {guest.domid}").check()
        try:
            refusal = refused(granter, grant, "--wait=2")
            assert f"xl unpause {guest.name}" in refusal.text
            assert entry(granter, grant)["state"] == "revoking"
            assert entry(granter, grant)["mapped_pages"] == 1
        finally:
            bench.dom0(f"xl unpause {guest.domid}").check()
        # It lets go by itself now, and the kernel ends the grant.
        granter.run(f"wait {grant['id']} --for=unmapped --timeout=30").check()
        granter.run(f"revoke {grant['id']} --ignore-missing").check()


@pytest.fixture
def decoding(bench):
    """What a test turned off is off until somebody turns it on; the device is everybody's here."""
    yield
    enable = f"/sys/bus/pci/devices/{bench.edu}/enable"
    bench.dom0(f"echo 0 > {enable}; echo 1 > {enable}").check()


@pytest.mark.extra_guest
def test_the_ladder_against_a_guest_that_keeps_the_pages(bench, kind, granter, decoding):
    before = bench.xenstore("/local/domain/0/backend")
    references = granter.references()
    rebel = bench.start_guest(f"rebel-{kind}", kind)
    grant = granter.grant(rebel, f"{bench.edu}/0@0+4K")
    program = grab(rebel, grant)
    program.wait_for_output(f"{EDU_ID:#010x}")
    node = f"/local/domain/0/backend/iomem/{rebel.domid}/{grant['id']}"

    # Asked, the driver lets go; the program does not.
    refused(granter, grant, "--wait=2")
    assert bench.dom0(f"xenstore-read {node}/refs").rc == 0

    refusal = refused(granter, grant, "--wait=0 --force=fence")
    assert "fenced" in refusal.text
    assert bench.dom0(f"xenstore-read {node}/refs").rc != 0
    assert bench.dom0(f"xenstore-read {node}/state").out.strip() == "6"
    seen = entry(granter, grant)
    assert (seen["state"], seen["mapped_pages"], seen["note"]) == ("revoking", 1, "fenced")
    assert program.output() == f"mapped\n{EDU_ID:#010x}\n"

    refusal = refused(granter, grant, "--wait=0 --force=disable-decode")
    assert "warning" in refusal.text and "cut off" in refusal.text
    # Ones on a real bus; QEMU answers what nobody decodes with zeros.
    wait_until(lambda: program.output().split()[-1] in ("0xffffffff", "0x00000000"), 30)
    assert entry(granter, grant)["mapped_pages"] == 1
    assert bench.dom0(f"xl domid {rebel.name}").rc == 0

    document = granter.json(f"revoke {grant['id']} --wait=0 --force=destroy-domain")
    assert document["grants"][0]["rung"] == "destroy-domain"
    rebel.gone()
    assert bench.dom0(f"xl domid {rebel.name}").rc != 0
    assert granter.list() == []
    wait_until(lambda: granter.references() == references, 30)
    assert [line for line in bench.xenstore("/local/domain/0/backend").splitlines() if "iomem" in line] == \
        [line for line in before.splitlines() if "iomem" in line]


def test_a_guest_that_helps_is_spared_the_named_rung(bench, guest, granter):
    with nothing_left_behind(bench, granter):
        for force in ("fence", "disable-decode", "destroy-domain"):
            grant = granter.grant(guest, f"{bench.edu}/0@0+4K")
            document = granter.json(f"revoke {grant['id']} --force={force}")
            assert document["grants"][0]["rung"] == "cooperative"
    assert bench.dom0(f"xl domid {guest.name}").rc == 0


@pytest.fixture
def dead_socket(bench):
    """Has a command run while a socket nobody listens at is in the place of xenstored's, which itself lives on."""
    socket, relay = "/run/xenstored/socket", "/run/store-relay"

    def without_xenstored(command):
        bench.dom0(f"setsid store-relay {relay} >/dev/null 2>&1 & until [ -S {relay} ]; do usleep 10000; done;"
                   "kill -KILL $(pidof store-relay)").check()
        return f"mv {socket} {socket}.away; mv {relay} {socket}; {command}; rc=$?; mv {socket}.away {socket}; exit $rc"
    yield without_xenstored
    # A command that was given up did not get that far.
    bench.dom0(f"[ ! -e {socket}.away ] || mv {socket}.away {socket}").check()


def test_the_kernel_ends_grants_without_xenstored(bench, guest, granter, dead_socket):
    with nothing_left_behind(bench, granter):
        held = granter.grant(guest, f"{bench.edu}/0@0+4K")
        bench.dom0(f"xl pause {guest.domid}").check()
        try:
            offered = granter.json(f"grant {guest.name} {bench.edu}/0@4K+4K --no-wait")["grants"][0]
            result = bench.dom0(dead_socket("xen-iomemgrant revoke --all"))
        finally:
            bench.dom0(f"xl unpause {guest.domid}").check()
        assert result.rc == 9 and result.err.count("[no-xenstore]") == 2, result.text
        assert f"g{held['id']} ends when its pages are let go" in result.err
        assert f"g{offered['id']} is ended, what XenStore says of it stays" in result.err
        assert [(g["id"], g["state"], g["mapped_pages"]) for g in granter.list()] == \
            [(held["id"], "revoking", 1), (offered["id"], "orphaned", 0)]
        # Back again, it is told everything, and nothing is left.
        granter.revoke(held, offered)


def test_waiting_and_watching(bench, guest, granter):
    with nothing_left_behind(bench, granter):
        bench.dom0("(xen-iomemgrant --json monitor >/run/monitor.out 2>&1; echo $? >/run/monitor.rc)"
                   " >/dev/null 2>&1 &").check()
        grant = granter.json(f"grant {guest.name} {bench.edu}/0@0+4K --no-wait")["grants"][0]
        granter.run(f"wait {grant['id']} --for=mapped --timeout=30").check()
        late = granter.refused(f"wait {grant['id']} --for=gone --timeout=1")
        assert (late.rc, late.slug) == (8, "timeout")
        granter.revoke(grant)
        granter.run(f"wait {grant['id']} --for=gone --timeout=30").check()
        wait_until(lambda: granter.monitored()[-1:] and granter.monitored()[-1]["event"] == "gone", 30)
        bench.dom0("kill -INT $(pidof xen-iomemgrant)").check()
        wait_until(lambda: bench.dom0("cat /run/monitor.rc").rc == 0, 10)
        assert bench.dom0("cat /run/monitor.rc; rm /run/monitor.rc").out == "0\n"
        events = [e for e in granter.monitored() if e["grant"]["id"] == grant["id"]]
        assert events[0]["event"] == "granted" and events[-1]["event"] == "gone"
        assert "mapped" in [e["grant"]["state"] for e in events]
