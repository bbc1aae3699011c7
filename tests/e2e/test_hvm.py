# SPDX-License-Identifier: GPL-2.0-or-later
"""The main job for an HVM guest, on a machine of its own: its device model makes dom0's image larger."""

import pytest

from product import Agent, Granter, node
from test_grant import EDU_ID, nothing_left_behind


@pytest.fixture
def hvm_machine(tested):
    with tested.boot(tested.logs / "hvm", hvm=True, memory="4G") as bench:
        yield bench
        assert bench.alarms == []


def test_an_hvm_guest_reads_writes_and_lets_go(hvm_machine):
    bench = hvm_machine
    granter = Granter(bench)
    guest = bench.start_guest("hvm1", "hvm", memory=256, timeout=300)
    agent = Agent(guest)
    with nothing_left_behind(bench, granter):
        grant = granter.grant(guest, f"{bench.edu}/0@0+4K", "--wait=60")
        assert agent.read(grant, 0) == EDU_ID
        agent.write(grant, 4, 0x12345678)
        assert agent.read(grant, 4) == 0x12345678 ^ 0xFFFFFFFF
        program = guest.start(f"iomem-probe hold {node(grant)} 4096")
        program.wait_for_output("mapped")
        granter.revoke(grant)
        assert program.wait() == 0 and program.output() == "mapped\nSIGBUS\n"
    references = granter.references()
    granter.grant(guest, f"{bench.edu}/0@0+4K", "--wait=60")
    guest.destroy()
    granter.run("revoke --all --wait=10").check()
    assert granter.list() == [] and granter.references() == references
