# SPDX-License-Identifier: GPL-2.0-or-later
"""Several grants revoked by one command: what it costs, and what each comes to."""

import time

import pytest

import devices
from product import wait_until
from test_grant import nothing_left_behind

MANY = 100


def regions(count):
    return " ".join(f"{devices.BIG}/2@{4 * page}K+4K" for page in range(count))


def test_a_hundred_grants_are_revoked_together(bench, pv, granter):
    """tests/bench/speed says how long this takes."""
    bench.dom0(f"echo 1 > /sys/bus/pci/devices/{devices.BIG}/enable").check()
    with nothing_left_behind(bench, granter):
        granter.run(f"-q grant {pv.name} {regions(MANY)} --wait=300", timeout=600).check()
        granter.run("-q revoke --all --wait=300", timeout=600).check()


def test_all_are_asked_at_once_and_wait_for_one_another(bench, pv, granter):
    """The grants of a paused guest take the time of one, and each is left ending."""
    bench.dom0(f"echo 1 > /sys/bus/pci/devices/{devices.BIG}/enable").check()
    with nothing_left_behind(bench, granter):
        granter.run(f"-q grant {pv.name} {regions(5)} --wait=60").check()
        bench.dom0(f"xl pause {pv.domid}").check()
        try:
            start = time.monotonic()
            result = granter.run("revoke --all --wait=4")
            took = time.monotonic() - start
        finally:
            bench.dom0(f"xl unpause {pv.domid}").check()
        assert result.rc == 5 and result.err.count("[still-mapped]") == 5, result.text
        assert took < 5 * 4
        wait_until(lambda: all(g["mapped_pages"] == 0 for g in granter.list()), 60)
        granter.run("revoke --all --wait=60").check()


@pytest.fixture
def trace(bench):
    """Counts the requests that the connections made while a command ran meet xenstored with."""
    log = "/run/xenstored.trace"
    bench.dom0(f"xenstore-control logfile {log} && xenstore-control log on").check()

    def requests_of(command):
        bench.dom0(f": > {log}; {command}").check()
        seen = [line.split() for line in bench.dom0(f"cat {log}").out.splitlines()]
        opened = {words[2] for words in seen if words[:2] == ["CREATE", "connection"]}
        return [words[4:6] for words in seen if words[:1] == ["IN"] and words[1] in opened]
    yield requests_of
    bench.dom0(f"xenstore-control log off; rm {log}").check()


def test_one_of_several_grants_takes_few_requests(bench, pv, granter, trace):
    bench.dom0(f"echo 1 > /sys/bus/pci/devices/{devices.BIG}/enable").check()
    with nothing_left_behind(bench, granter):
        granter.run(f"-q grant {pv.name} {regions(2)} --wait=60").check()
        first = granter.list()[0]
        made = trace(f"xen-iomemgrant revoke {first['id']} --wait=60")
        granter.run("revoke --all --wait=60").check()
    assert 0 < len(made) <= 8, made
