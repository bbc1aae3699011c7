# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests that end or begin again while they hold a grant, and whoever gets their number."""

import pytest

from scenario import EDU_ID, clear_of, extra_guest, module_forgets, wait_until
from product import Agent, node

pytestmark = pytest.mark.extra_guest


def test_a_reboot_ends_the_grant(bench, kind, granter):
    references = granter.references()
    with extra_guest(bench, f"rebooter-{kind}", kind, extra='on_reboot="restart"') as guest:
        grant = granter.grant(guest, f"{bench.shm}/2@0+8K")
        guest.start(f"iomem-probe hold {node(grant)} 8192").wait_for_output("mapped")
        uuid, domid = guest.uuid, guest.domid
        guest.start("sleep 0.2; reboot -f")
        guest.reconnect()
        assert guest.uuid == uuid and guest.domid != domid
        module_forgets(granter, references)
        assert all(entry["state"] == "orphaned" for entry in granter.list())
        assert guest.run("ls /dev/xen/iomem 2>/dev/null").out == ""
        clear_of(bench, granter, references)
        again = granter.grant(guest, f"{bench.edu}/0@0+4K")
        assert Agent(guest).read(again, 0) == EDU_ID
        granter.revoke(again)
        assert granter.references() == references


def test_a_guest_destroyed_while_it_maps_frees_the_bar_without_help(bench, kind, granter):
    references = granter.references()
    with extra_guest(bench, f"victim2-{kind}", kind) as victim:
        granter.grant(victim, f"{bench.edu}/0@0+64K")
        victim.destroy()
        module_forgets(granter, references)
    clear_of(bench, granter, references)


def restore_as(bench, guest, domid):
    """Give a guest another domain's number: xl restores a number that was saved with the guest."""
    image = "/root/renumbered.save"
    guest.save(image, "-D").check()
    old, new = f'"domid": {guest.domid}', f'"domid": {domid}'
    assert len(new) <= len(old)
    head = f"dd if={image} bs=64k count=1"      # the configuration comes first
    bench.dom0(f"{head} | grep -qa '{old}' && {head} | sed 's/{old}/{new:{len(old)}}/' > {image}.head &&"
               f"dd if={image}.head of={image} bs=64k conv=notrunc; rc=$?; rm -f {image}.head; exit $rc").check()
    # xl keeps a number from being used again for a minute.
    bench.dom0(f"LIBXL_DOMID_REUSE_TIMEOUT=0 xl restore {image}; rc=$?; rm {image}; exit $rc", timeout=300).check()
    guest.reconnect()
    assert guest.domid == domid


def test_a_domain_id_that_is_used_again_gets_nothing(bench, granter):
    """A number is not a guest: only the UUID tells who somebody is."""
    references = granter.references()
    with extra_guest(bench, "first", "pv") as first:
        domid = first.domid
        with extra_guest(bench, "second", "pv") as second:
            grant = granter.grant(first, f"{bench.edu}/0@0+4K")
            first.destroy()
            restore_as(bench, second, domid)
            module_forgets(granter, references)
            # What XenStore still has of the first guest is not the second one's.
            for entry in granter.list():
                assert entry["id"] == grant["id"] and entry["state"] == "orphaned", entry
            assert second.run("ls /dev/xen/iomem 2>/dev/null").out == ""
            clear_of(bench, granter, references)
            again = granter.grant(second, f"{bench.edu}/0@0+4K")
            assert Agent(second).read(again, 0) == EDU_ID
            granter.revoke(again)


def test_unbinding_the_driver_in_the_guest_gives_the_pages_back(bench, guest, granter):
    grant = granter.grant(guest, f"{bench.edu}/0@0+4K")
    driver = "/sys/bus/xen/drivers/xen_iomemgrant"
    guest.run(f"echo iomem-{grant['id']} > {driver}/unbind").check()
    wait_until("nothing is mapped", lambda: granter.list()[0]["mapped_pages"] == 0)
    guest.run(f"echo iomem-{grant['id']} > {driver}/bind").check()
    wait_until("it is mapped again", lambda: granter.list()[0]["mapped_pages"] == 1)
    assert Agent(guest).read(grant, 0) == EDU_ID
    granter.revoke(grant)


def test_the_guests_module_can_be_reloaded_with_a_grant_alive(bench, guest, granter):
    grant = granter.grant(guest, f"{bench.edu}/0@0+4K")
    program = guest.start(f"iomem-probe hold {node(grant)} 4096")
    program.wait_for_output("mapped")
    # In use, the module stays; unused, it goes and gives back what it has mapped.
    assert guest.run("rmmod xen_iomemgrant").rc != 0
    assert granter.list()[0]["mapped_pages"] == 1
    guest.run("killall iomem-probe").check()
    program.wait()
    removed = guest.run("rmmod xen_iomemgrant")
    if removed.rc == 0:
        wait_until("nothing is mapped", lambda: granter.list()[0]["mapped_pages"] == 0)
        guest.run("modprobe xen_iomemgrant").check()
    wait_until("it is mapped", lambda: granter.list()[0]["mapped_pages"] == 1)
    assert Agent(guest).read(grant, 0) == EDU_ID
    granter.revoke(grant)
    guest.run("rmmod xen_iomemgrant && modprobe xen_iomemgrant").check()


def test_dom0s_module_stays_while_it_grants(bench, pv, granter):
    grant = granter.grant(pv, f"{bench.edu}/0@0+4K")
    result = bench.dom0("rmmod xen_iomemgrant")
    assert result.rc != 0 and "temporarily unavailable" in result.text, result.text
    assert Agent(pv).read(grant, 0) == EDU_ID
    granter.revoke(grant)
    bench.dom0("rmmod xen_iomemgrant && modprobe xen_iomemgrant").check()
    again = granter.grant(pv, f"{bench.edu}/0@0+4K")
    assert Agent(pv).read(again, 0) == EDU_ID
    granter.revoke(again)
