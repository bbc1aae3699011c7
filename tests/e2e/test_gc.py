# SPDX-License-Identifier: GPL-2.0-or-later
"""What dead guests leave behind: removed by hand with gc, or by the service."""

import pytest

from product import wait_until


def iomem_nodes(bench):
    return [line for line in bench.xenstore("/").splitlines() if "iomem" in line]


def dead_guest(bench, granter, kind, name):
    """A guest that got a grant and was destroyed; the module has ended the grant."""
    references = granter.references()
    victim = bench.start_guest(name, kind)
    grant = granter.grant(victim, f"{bench.shm}/2@0+8K --label=left")
    victim.destroy()
    wait_until(lambda: granter.references() == references, 60)
    return grant, victim


class Service:
    """xen-iomemgrantd in the background."""

    def __init__(self, bench, environment=""):
        self.bench = bench
        bench.dom0(f"rm -f /run/service.rc; ({environment} xen-iomemgrantd --foreground >>/run/service.log 2>&1;"
                   " echo $? >/run/service.rc) >/dev/null 2>&1 &").check()

    def log(self):
        return self.bench.dom0("cat /run/service.log").out

    def end(self, signal):
        """Send a signal and return the exit status."""
        self.bench.dom0(f"kill -{signal} $(pidof xen-iomemgrantd)").check()
        wait_until(lambda: self.bench.dom0("grep . /run/service.rc").rc == 0, 20)
        return int(self.bench.dom0("cat /run/service.rc").out)


@pytest.fixture
def sinks(bench):
    """Stand-ins for the journal and for systemd, which the bench does not run."""
    bench.dom0("mkdir -p /run/systemd/journal; rm -f /run/service.log /run/audit /run/notify").check()
    for socket, file in (("/run/systemd/journal/socket", "/run/audit"), ("/run/notify.socket", "/run/notify")):
        bench.dom0(f"datagram-sink {socket} {file} >/dev/null 2>&1 & until [ -S {socket} ]; do usleep 10000; done").check()
    yield
    bench.dom0("kill $(pidof datagram-sink); rm -rf /run/systemd/journal /run/notify.socket")


def entries(bench):
    """Audit entries written so far, as dictionaries."""
    found = []
    for text in bench.dom0("cat /run/audit").out.split("\n--\n"):
        fields = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        if "MESSAGE_ID" in fields:
            found.append(fields)
    return found


@pytest.mark.extra_guest
def test_gc_removes_what_a_destroyed_guest_left(bench, kind, granter, sinks):
    before = iomem_nodes(bench)
    grant, victim = dead_guest(bench, granter, kind, f"left-{kind}")
    left = iomem_nodes(bench)
    assert left != before

    planned = granter.json("gc --dry-run")
    assert [(i["kind"], i["result"]) for i in planned["items"]] == [("publication", "would-remove")]
    assert iomem_nodes(bench) == left

    done = granter.json("gc")
    assert [(i["kind"], i["result"], i["grant"]["id"]) for i in done["items"]] == \
        [("publication", "removed", grant["id"])]
    assert iomem_nodes(bench) == before
    assert granter.json("gc")["items"] == []

    made, collected = entries(bench)
    assert made["RESULT"] == "granted" and collected["RESULT"] == "removed"
    assert made["XEN_DOMAIN"] == victim.name and made["XEN_DOMID"] == str(victim.domid)
    assert made["GRANT_ID"] == collected["GRANT_ID"] == str(grant["id"])
    assert made["PCI_BDF"] == bench.shm and made["CALLER_UID"] == "0"
    assert len(made["MESSAGE_ID"]) == 32 and made["MESSAGE_ID"] != collected["MESSAGE_ID"]


@pytest.mark.extra_guest
def test_the_service_removes_it_by_itself_and_survives_everything(bench, pv, granter, sinks):
    before = iomem_nodes(bench)
    alive = granter.grant(pv, f"{bench.edu}/0@0+4K")
    with_alive = iomem_nodes(bench)
    service = Service(bench, "NOTIFY_SOCKET=/run/notify.socket")
    wait_until(lambda: "READY=1" in bench.dom0("cat /run/notify").out, 30)
    grant = dead_guest(bench, granter, "pv", "service-1")[0]
    wait_until(lambda: iomem_nodes(bench) == with_alive, 60)
    assert f"g{grant['id']} of d" in service.log()

    # XenStore stands still for a while, just when there is work.
    dead_guest(bench, granter, "pv", "service-2")
    bench.dom0("kill -STOP $(pidof xenstored); usleep 3000000; kill -CONT $(pidof xenstored)").check()
    wait_until(lambda: iomem_nodes(bench) == with_alive, 60)

    # Killed, it misses a death, and makes up for it when it is back.
    assert service.end("KILL") == 137
    dead_guest(bench, granter, "pv", "service-3")
    assert iomem_nodes(bench) != with_alive
    service = Service(bench)
    wait_until(lambda: iomem_nodes(bench) == with_alive, 60)
    assert service.end("TERM") == 0, service.log()
    # A look by hand finds nothing more.
    assert bench.dom0("xen-iomemgrantd --once").check().text == ""
    # All the while the grant of the living guest was left alone.
    assert [g["id"] for g in granter.list()] == [alive["id"]] and granter.list()[0]["state"] == "mapped"
    granter.revoke(alive)
    assert iomem_nodes(bench) == before


def test_a_grant_that_was_killed_is_in_the_audit_trail(bench, pv, granter, sinks):
    pv.run("rmmod xen_iomemgrant").check()
    killed = bench.dom0(f"xen-iomemgrant grant {pv.name} {bench.edu}/0@0+4K --wait=60 & pid=$!;"
                        f"until xenstore-exists /local/domain/0/backend/iomem/{pv.domid}; do usleep 50000; done;"
                        "kill -KILL $pid; wait $pid")
    assert killed.rc == 137, killed.text
    (grant,) = granter.list()
    (made,) = entries(bench)
    assert (made["RESULT"], made["GRANT_ID"], made["XEN_DOMAIN"]) == ("granted", str(grant["id"]), pv.name)
    granter.revoke(grant)
    pv.run("modprobe xen_iomemgrant").check()


@pytest.mark.extra_guest
def test_the_service_waits_for_a_xenstored_that_went_away(bench, granter, sinks):
    relay = "/run/store-relay"
    start = f"setsid store-relay {relay} >/dev/null 2>&1 & until [ -S {relay} ]; do usleep 10000; done"
    before = iomem_nodes(bench)
    bench.dom0(start).check()
    service = Service(bench, f"NOTIFY_SOCKET=/run/notify.socket XENSTORED_PATH={relay}")
    wait_until(lambda: "READY=1" in bench.dom0("cat /run/notify").out, 30)

    bench.dom0(f"kill -KILL $(pidof store-relay); rm {relay}").check()
    wait_until(lambda: "waiting for it" in service.log(), 30)
    assert "STATUS=waiting for xenstored" in bench.dom0("cat /run/notify").out
    # Meanwhile a guest dies; the service cannot know, and says nothing more while it tries again.
    grant = dead_guest(bench, granter, "pv", "service-4")[0]
    assert iomem_nodes(bench) != before and service.log().count("waiting for it") == 1

    bench.dom0(start).check()
    wait_until(lambda: iomem_nodes(bench) == before, 60)
    assert "xenstored answers again" in service.log() and f"g{grant['id']} of d" in service.log()
    assert service.end("TERM") == 0, service.log()
    bench.dom0(f"kill -KILL $(pidof store-relay); rm {relay}").check()
