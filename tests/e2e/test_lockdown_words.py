# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernels that are locked down, as by Secure Boot, on a machine of its own: no kernel leaves lockdown."""

import pytest

from product import Agent, Granter, problems
from test_grant import EDU_ID

LOCK = "mount -t securityfs none /sys/kernel/security 2>/dev/null; echo integrity > /sys/kernel/security/lockdown"
REASON = "the kernel is locked down (integrity)"


@pytest.fixture
def lockable(tested):
    with tested.boot(tested.logs / "lockdown-words") as bench:
        yield bench
        assert bench.alarms == []


def test_lockdown_is_named_as_the_reason_on_both_sides(lockable):
    bench = lockable
    granter = Granter(bench)
    guest = bench.start_guest("locked", "pv")
    agent = Agent(guest)
    grant = granter.grant(guest, f"{bench.edu}/0@0+4K")
    assert agent.read(grant, 0) == EDU_ID

    guest.run(LOCK).check()
    for command in ("read {} 0 --width=32", "write {} 4 1 --width=32 --yes", "map {} --exec true"):
        refused = agent.run(command.format(grant["id"]))
        assert refused.rc == 4 and REASON in refused.err and "[permission]" in refused.err, refused.text
    assert REASON in problems(agent.run("--json doctor"))["lockdown"]["message"]

    bench.dom0(LOCK).check()
    refusal = granter.refused(f"grant {guest.name} {bench.edu}/0@4K+4K")
    assert (refusal.rc, refusal.slug) == (4, "permission") and REASON in refusal.text, refusal
    found = problems(granter.run("--json doctor"))
    assert set(found) == {"lockdown"} and REASON in found["lockdown"]["message"]
    # What was granted before can be taken back.
    granter.revoke(grant)
    assert granter.list() == []
