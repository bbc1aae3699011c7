# SPDX-License-Identifier: GPL-2.0-or-later
"""Both daemons of XenStore serve the product: run with --xenstored=oxenstored for Debian's default."""

from product import Agent, node
from test_grant import EDU_ID, granted, nothing_left_behind


def test_the_daemon_asked_for_is_the_one_that_runs(bench):
    program = bench.dom0("readlink /proc/$(cat /run/xenstored.pid)/exe").check().out.strip()
    assert program.rsplit("/", 1)[1] == bench.xenstored


def test_a_grant_is_made_listed_used_and_revoked(bench, guest, granter):
    agent = Agent(guest)
    with nothing_left_behind(bench, granter):
        grant = granter.grant(guest, f"{bench.edu}/0@0+4K", "--label=registers")
        (seen,) = granter.list()
        assert (seen["id"], seen["state"], seen["label"]) == (grant["id"], "mapped", "registers")
        assert agent.read(grant, 0) == EDU_ID
        granter.revoke(grant)
        assert guest.run(f"test -e {node(grant)}").rc == 1


def test_a_guest_is_renamed_while_it_maps(bench, guest, granter):
    with nothing_left_behind(bench, granter), granted(granter, guest, f"{bench.edu}/0@0+4K") as grant:
        bench.dom0(f"xl rename {guest.name} renamed").check()
        try:
            (seen,) = granter.list()
            assert (seen["id"], seen["domain"]["name"], seen["state"]) == (grant["id"], "renamed", "mapped")
        finally:
            bench.dom0(f"xl rename renamed {guest.name}").check()


def test_grants_of_two_guests_are_revoked_together(bench, pv, pvh, granter):
    with nothing_left_behind(bench, granter):
        granter.grant(pv, f"{bench.edu}/0@0+4K")
        granter.grant(pvh, f"{bench.edu}/0@4K+4K")
        granter.run("revoke --all --wait=60").check()


def test_limits_counts_the_nodes_of_a_guest(bench, guest, granter):
    quota = granter.json(f"limits {guest.name}")["domain"]["xenstore"]
    assert 0 < quota["nodes"] < quota["max_nodes"]
