# SPDX-License-Identifier: GPL-2.0-or-later
"""Saving a guest that has device memory mapped: nothing of its own memory may be lost."""

import re

import pytest

from scenario import EDU_ID, clear_of, extra_guest, module_forgets, wait_until
from product import Agent, node

pytestmark = pytest.mark.extra_guest
IMAGE = "/root/guest.save"


@pytest.fixture
def suspendable(bench, granter, kind):
    """A guest of its own; dom0 keeps no image of it afterwards."""
    with extra_guest(bench, f"sleeper-{kind}", kind) as guest:
        yield guest
    bench.dom0(f"rm -f {IMAGE}")


class Neighbour:
    """iomem-neighbour in a guest: words that share a page table page with the granted page."""

    def __init__(self, guest, grant):
        self.guest = guest
        self.job = guest.start(f"iomem-neighbour {node(grant)}")
        self.job.wait_for_output(f"ready {EDU_ID:#010x}")
        self.asked = 0

    def look(self):
        """(words lost, value of the page or "SIGBUS")"""
        self.asked += 1
        self.guest.run("kill -USR1 $(pidof iomem-neighbour)").check()
        answers = wait_until("the neighbour answers", lambda: (
            found := re.findall(r"^lost (\d+) of 16384 words, page (\S+)$", self.job.output(), re.M))
            and len(found) >= self.asked and found)
        lost, page = answers[-1]
        return int(lost), page


def test_memory_beside_a_mapping_survives_save_and_restore(bench, granter, suspendable):
    guest = suspendable
    references = granter.references()
    grant = granter.grant(guest, f"{bench.edu}/0@0+4K", "--label=registers")
    neighbour = Neighbour(guest, grant)
    assert neighbour.look() == (0, f"{EDU_ID:#010x}")
    uuid, domid = guest.uuid, guest.domid

    guest.save(IMAGE).check()
    # The domain is gone: the module lets go by itself, and the list is truthful about what XenStore keeps.
    module_forgets(granter, references)
    for entry in granter.list():
        assert entry["id"] == grant["id"] and entry["state"] == "orphaned", entry

    guest.restore(IMAGE)
    assert guest.uuid == uuid and guest.domid != domid
    assert neighbour.look() == (0, "SIGBUS")
    # The old grant is the old domain's: not mapped, not offered to whoever has the UUID now.
    assert all(entry["state"] == "orphaned" for entry in granter.list())
    assert [g for g in Agent(guest).list() if g["state"] == "mapped"] == []
    clear_of(bench, granter, references)

    again = granter.grant(guest, f"{bench.edu}/0@0+4K", "--label=registers")
    assert Agent(guest).read(again, 0) == EDU_ID
    granter.revoke(again)
    assert granter.references() == references


@pytest.mark.parametrize("how", ["checkpoint", "disk full"])
def test_a_cancelled_suspend_brings_the_mapping_back(bench, granter, suspendable, how):
    guest = suspendable
    references = granter.references()
    grant = granter.grant(guest, f"{bench.edu}/0@0+4K")
    neighbour = Neighbour(guest, grant)
    if how == "checkpoint":
        guest.save(IMAGE, "-c").check()
    else:
        bench.dom0("mkdir -p /run/small && mount -t tmpfs -o size=4M tmpfs /run/small").check()
        assert guest.save("/run/small/image").rc != 0
        bench.dom0("umount /run/small").check()
    assert neighbour.look() == (0, f"{EDU_ID:#010x}")
    (entry,) = granter.list()
    assert (entry["state"], entry["mapped_pages"]) == ("mapped", 1)
    assert Agent(guest).read(grant, 0) == EDU_ID
    granter.revoke(grant)
    assert neighbour.look() == (0, "SIGBUS")
    assert granter.references() == references
