# SPDX-License-Identifier: GPL-2.0-or-later
"""The main job: grant pages of a BAR to a running guest, use them, take them back."""

import contextlib
import os

import pytest

from product import Agent, answer, checks, node

EDU_ID = 0x010000ED
PAGE = 4096


@contextlib.contextmanager
def nothing_left_behind(bench, granter):
    """What the block does must leave no trace in XenStore, in the module or in Xen."""
    before = bench.xenstore()
    references = granter.references()
    yield
    assert granter.list() == []
    assert granter.references() == references
    assert bench.xenstore() == before


@contextlib.contextmanager
def granted(granter, guest, region, options=""):
    grant = granter.grant(guest, region, options)
    yield grant
    granter.revoke(grant)


def state_of(granter, grant):
    (entry,) = [g for g in granter.list() if g["id"] == grant["id"]]
    return entry["state"], entry["mapped_pages"], entry["pages"]


def test_node_appears_without_anyone_touching_the_guest(bench, guest, granter):
    with nothing_left_behind(bench, granter):
        grant = granter.grant(guest, f"{bench.edu}/0@0+4K", "--label=registers")
        assert guest.run(f"test -c {node(grant)}").rc == 0
        assert guest.run("udevadm settle; readlink -f /dev/xen/iomem/by-label/registers").out.strip() == node(grant)
        granter.revoke(grant)
        assert guest.run(f"test -e {node(grant)}").rc == 1
        assert guest.run("udevadm settle; ls /dev/xen/iomem/by-label/registers").rc != 0


def test_registers_answer_through_the_agent(bench, guest, granter):
    agent = Agent(guest)
    with nothing_left_behind(bench, granter), granted(granter, guest, f"{bench.edu}/0@0+4K") as grant:
        assert agent.read(grant, 0) == EDU_ID
        agent.write(grant, 4, 0x12345678)
        assert agent.read(grant, 4) == 0x12345678 ^ 0xFFFFFFFF
        agent.write(grant, 8, 10)
        while agent.read(grant, 0x20) & 1:
            pass
        assert agent.read(grant, 8) == 3628800
        (seen,) = agent.list()
        assert seen["id"] == grant["id"] and seen["state"] == "mapped"


def test_the_agent_answers_in_documents_as_their_schemas_say(bench, guest, granter):
    agent = Agent(guest)
    with granted(granter, guest, f"{bench.edu}/0@0+4K", "--label=registers") as grant:
        guest.run("udevadm settle").check()
        for arguments in ("show registers", "wait registers"):
            assert agent.json(arguments)["grant"]["id"] == grant["id"]
        assert agent.json("read registers 0")["values"] == [f"{EDU_ID:#010x}"]
        assert agent.json("dump registers 0 8")["length"] == 8
        assert agent.json("write registers 4 1 --width=32 --dry-run")["dry_run"] is True
        assert checks(agent.run("--json doctor").check())[f"g{grant['id']}"]["message"] == f"mapped as {node(grant)}"
    assert answer(agent.run("--json show registers"))["error"]["code"] == "no-grant"
    assert agent.json("list")["grants"] == [] and agent.json("version")["protocol"] == 1


def test_registers_answer_through_mmap(bench, guest, granter):
    with nothing_left_behind(bench, granter), granted(granter, guest, f"{bench.edu}/0@0+4K") as grant:
        assert guest.run(f"iomem-probe read {node(grant)} 0").check().out == f"{EDU_ID:#010x}\n"
        guest.run(f"iomem-probe write {node(grant)} 4 0xa5a50ff0").check()
        assert guest.run(f"iomem-probe read {node(grant)} 4").check().out == "0x5a5af00f\n"
        refusals = guest.run(f"iomem-probe refuse {node(grant)}").check().out
        assert "mmap past the end: " in refusals


def test_list_shows_what_is_mapped(bench, guest, granter):
    with granted(granter, guest, f"{bench.edu}/0@0+4K") as grant:
        assert state_of(granter, grant) == ("mapped", 1, 1)
        table = granter.run("list").check().out
        assert f"g{grant['id']} " in table and f"{guest.name}({guest.domid})" in table and " 1/1 " in table


def test_revoke_raises_sigbus_in_who_still_uses_the_page(bench, guest, granter):
    with nothing_left_behind(bench, granter):
        grant = granter.grant(guest, f"{bench.shm}/2@0+8K")
        program = guest.start(f"iomem-probe hold {node(grant)} 8192")
        program.wait_for_output("mapped")
        granter.revoke(grant)
        assert program.wait() == 0, program.output()
        assert program.output() == "mapped\nSIGBUS\n"
        assert guest.run(f"test -e {node(grant)}").rc == 1


def test_bytes_cross_between_guest_and_device(bench, guest, granter):
    agent = Agent(guest)
    offset = 0x10000
    pattern = os.urandom(3 * PAGE)
    bench.shm_write(offset - PAGE, b"\xee" * 5 * PAGE)
    bench.shm_write(offset, pattern)
    with nothing_left_behind(bench, granter), granted(granter, guest, f"{bench.shm}/2@64K+12K") as grant:
        assert state_of(granter, grant) == ("mapped", 3, 3)
        for at in (0, PAGE, 3 * PAGE - 8):
            assert agent.read(grant, at, 64) == int.from_bytes(pattern[at:at + 8], "little")
        for at in (8, PAGE + 16, 3 * PAGE - 16):
            agent.write(grant, at, 0x1122334455667788, 64)
            assert bench.shm_read(offset + at, 8) == bytes.fromhex("8877665544332211")
        # Past the grant there is nothing, on either side of it.
        assert agent.run(f"read {grant['id']} 0x3000").rc != 0
        assert bench.shm_read(offset - PAGE, PAGE) == b"\xee" * PAGE
        assert bench.shm_read(offset + 3 * PAGE, PAGE) == b"\xee" * PAGE


def test_write_combining_reaches_the_device(bench, guest, granter):
    with granted(granter, guest, f"{bench.shm}/2@0+4K", "--cache=wc") as grant:
        assert grant["cache"] == "wc"
        Agent(guest).write(grant, 0x20, 0xCAFEF00D)
        assert bench.shm_read(0x20, 4) == 0xCAFEF00D.to_bytes(4, "little")


def test_several_regions_in_one_command(bench, guest, granter):
    with nothing_left_behind(bench, granter):
        document = granter.json(f"grant {guest.name} {bench.edu}/0@0+4K {bench.shm}/2@4K+4K")
        first, second = document["grants"]
        assert Agent(guest).read(first, 0) == EDU_ID
        bench.shm_write(PAGE, b"\x01\x02\x03\x04")
        assert Agent(guest).read(second, 0) == 0x04030201
        granter.run("revoke --all").check()


def test_a_guest_can_be_named_by_id_and_uuid(bench, guest, granter):
    for name in (str(guest.domid), f"id:{guest.domid}", f"name:{guest.name}", guest.uuid, f"uuid:{guest.uuid}"):
        (grant,) = granter.json(f"grant {name} {bench.edu}/0@0+4K")["grants"]
        assert grant["domain"] == {"id": guest.domid, "name": guest.name, "uuid": guest.uuid}
        granter.revoke(grant)


def test_two_guests_use_different_pages_of_one_bar(bench, pv, pvh, granter):
    with nothing_left_behind(bench, granter):
        first = granter.grant(pv, f"{bench.shm}/2@0+4K")
        second = granter.grant(pvh, f"{bench.shm}/2@4K+4K")
        Agent(pv).write(first, 0, 0x11111111)
        Agent(pvh).write(second, 0, 0x22222222)
        assert bench.shm_read(0, 4) == b"\x11" * 4 and bench.shm_read(PAGE, 4) == b"\x22" * 4
        granter.revoke(first)
        # The other guest's page is not touched by that.
        Agent(pvh).write(second, 0, 0x33333333)
        assert bench.shm_read(PAGE, 4) == b"\x33" * 4
        granter.revoke(second)


def test_a_page_is_not_granted_to_two_guests(bench, pv, pvh, granter):
    with nothing_left_behind(bench, granter), granted(granter, pv, f"{bench.shm}/2@4K+8K") as grant:
        for region in ("@4K+4K", "@8K+4K", "@0+16K", ""):
            refusal = granter.refused(f"grant {pvh.name} {bench.shm}/2{region}")
            assert (refusal.rc, refusal.slug) == (5, "overlap"), refusal
        assert f"g{grant['id']}" in refusal.text
        assert [g["id"] for g in granter.list()] == [grant["id"]]
        # Neither to the guest that has it.
        refusal = granter.refused(f"grant {pv.name} {bench.shm}/2@4K+4K")
        assert (refusal.rc, refusal.slug) == (5, "overlap"), refusal


def test_dry_run_changes_nothing(bench, guest, granter):
    with nothing_left_behind(bench, granter):
        document = granter.json(f"--dry-run grant {guest.name} {bench.edu}/0@0+4K")
        assert document["dry_run"] is True
        assert granter.list() == []


def test_guest_without_the_module_is_rolled_back(bench, guest, granter):
    guest.run("modprobe -r xen_iomemgrant; f=$(find /lib/modules/ -name xen_iomemgrant.ko) && mv $f /root/").check()
    try:
        with nothing_left_behind(bench, granter):
            refusal = granter.refused(f"grant {guest.name} {bench.edu}/0@0+4K --wait=2")
            assert (refusal.rc, refusal.slug) == (8, "peer-timeout"), refusal
            assert "withdrawn" in refusal.text and refusal.hint
    finally:
        guest.run("mv /root/xen_iomemgrant.ko /lib/modules/$(uname -r)/extra/").check()
    # With the module back, the offer is taken up by udev's autoload.
    with granted(granter, guest, f"{bench.edu}/0@0+4K") as grant:
        assert Agent(guest).read(grant, 0) == EDU_ID


def test_without_waiting_the_guest_takes_it_up_when_it_can(bench, guest, granter):
    (grant,) = granter.json(f"grant {guest.name} {bench.edu}/0@0+4K --no-wait --label=later")["grants"]
    Agent(guest).run("wait --label=later --timeout=60").check()
    assert Agent(guest).read(grant, 0) == EDU_ID
    granter.revoke(grant)


def test_regranting_works_again_and_again(bench, guest, granter):
    with nothing_left_behind(bench, granter):
        for _ in range(5):
            with granted(granter, guest, f"{bench.edu}/0@0+4K") as grant:
                assert Agent(guest).read(grant, 0) == EDU_ID


def test_a_number_that_a_device_of_the_guest_has_is_left_to_it(bench, guest, granter):
    with granted(granter, guest, f"{bench.edu}/0@0+4K") as grant:
        number = grant["id"] + 1
    taken = f"/local/domain/{guest.domid}/device/iomem/{number}"
    with nothing_left_behind(bench, granter):
        bench.dom0(f"xenstore-write {taken}/of-another-granter 1").check()
        with granted(granter, guest, f"{bench.edu}/0@0+4K") as grant:
            assert (grant["id"], grant["devid"]) == (number, number + 1)
            assert Agent(guest).read({"id": grant["devid"]}, 0) == EDU_ID
        bench.dom0(f"xenstore-rm -t {taken}").check()


@pytest.mark.extra_guest
def test_guest_destroyed_while_mapped_leaves_nothing(bench, kind, granter):
    references = granter.references()
    before = bench.xenstore("/local/domain/0")
    victim = bench.start_guest(f"victim-{kind}", kind)
    grant = granter.grant(victim, f"{bench.shm}/2@0+8K")
    victim.start(f"iomem-probe hold {node(grant)} 8192").wait_for_output("mapped")
    victim.destroy()
    # The module ends the grant by itself; revoke finishes what is left in XenStore.
    bench.dom0("for i in $(seq 300); do iomem-probe info | grep -q grants=0 && break; usleep 100000; done")
    assert granter.references() == references
    granter.run(f"revoke {grant['id']} --ignore-missing").check()
    assert granter.list() == []
    assert _without_console(bench.xenstore("/local/domain/0")) == _without_console(before)
    # The page is free for the next guest.


def _without_console(snapshot):
    """dom0's tree without what xl itself keeps of guests that come and go."""
    return [line for line in snapshot.splitlines() if "/backend/iomem" in line or "iomem" in line]


@pytest.mark.flavour("stock")
def test_stock_xen_is_refused_with_the_reason(bench, guest, granter):
    with nothing_left_behind(bench, granter):
        refusal = granter.refused(f"grant {guest.name} {bench.edu}/0@0+4K")
        assert (refusal.rc, refusal.slug) == (9, "no-hv-support"), refusal
        assert refusal.hint
    assert granter.run("doctor").rc == 9
