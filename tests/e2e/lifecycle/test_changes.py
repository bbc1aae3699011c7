# SPDX-License-Identifier: GPL-2.0-or-later
"""What is written to a device's configuration space while pages of it are granted."""

import contextlib
import re

import pytest

from devices import E1000E, REMOVED
from product import Agent, problems
from scenario import wait_until
from test_kernel_store import hung_xenstored

SYSFS = "/sys/bus/pci/devices"
BUS_MASTER, DECODE_OFF, NOT_D0, BAR_REGISTER = 1, 2, 4, 8


def read(bench, offset, size, device=REMOVED):
    out = bench.dom0(f"od -An -v -tu1 -j {offset} -N {size} {SYSFS}/{device}/config").check().out
    return bytes(int(byte) for byte in out.split())


def write(bench, offset, data, device=REMOVED):
    text = "".join(f"\\{byte:03o}" for byte in data)
    bench.dom0(f"printf '{text}' | dd of={SYSFS}/{device}/config bs=1 seek={offset} conv=notrunc 2>/dev/null").check()


@contextlib.contextmanager
def written(bench, offset, data, device=REMOVED):
    before = read(bench, offset, len(data), device)
    write(bench, offset, data, device)
    try:
        yield
    finally:
        write(bench, offset, before, device)


@pytest.fixture
def granted(bench, pv, granter):
    """The number of a grant of a device without a driver, made without any override."""
    bench.dom0(f"echo 1 > {SYSFS}/{REMOVED}/enable").check()
    made = bench.dom0(f"iomem-ktest grant {pv.domid} {REMOVED} 0 0 4096").check().out.split()[0]
    yield made
    bench.dom0(f"iomem-ktest end {made}").check()


def changes(bench, grant):
    (line,) = [line for line in bench.dom0("iomem-ktest list").check().out.splitlines()
               if line.startswith(f"id={grant} ")]
    return int(re.search(r" changes=(\d+) ", line)[1])


def seen_and_gone(bench, grant, bit, name, offset, data, device=REMOVED):
    assert changes(bench, grant) == 0
    with written(bench, offset, data, device):
        wait_until(f"{name} is seen", lambda: changes(bench, grant) == bit, 5)
        assert bench.dom0(f"cat /sys/class/iomemgrant/grant{grant}/changes").out == f"{name}\n"
    wait_until(f"{name} is over", lambda: changes(bench, grant) == 0, 5)
    assert bench.dom0(f"cat /sys/class/iomemgrant/grant{grant}/changes").out == "-\n"


def test_bus_mastering_switched_on_later(bench, granted):
    command = int.from_bytes(read(bench, 4, 2), "little")
    seen_and_gone(bench, granted, BUS_MASTER, "bus-master", 4, (command | 4).to_bytes(2, "little"))


def test_memory_decoding_switched_off_later(bench, granted):
    command = int.from_bytes(read(bench, 4, 2), "little")
    seen_and_gone(bench, granted, DECODE_OFF, "decode-off", 4, (command & ~2).to_bytes(2, "little"))


def test_a_bar_register_that_loses_its_address(bench, granted):
    # As a reset leaves it.
    seen_and_gone(bench, granted, BAR_REGISTER, "bar-register", 0x10, bytes(4))


def test_bus_mastering_that_the_grant_allows_is_no_news(bench, pv, granter):
    bench.dom0(f"echo 1 > {SYSFS}/{REMOVED}/enable").check()
    made = bench.dom0(f"iomem-ktest grant {pv.domid} {REMOVED} 0 0 4096 2").check().out.split()[0]
    other = bench.dom0(f"iomem-ktest grant {pv.domid} {REMOVED} 0 4096 4096").check().out.split()[0]
    command = int.from_bytes(read(bench, 4, 2), "little")
    with written(bench, 4, (command | 4).to_bytes(2, "little")):
        wait_until("it is seen", lambda: changes(bench, other) == BUS_MASTER, 5)
        assert changes(bench, made) == 0
    bench.dom0(f"iomem-ktest end {made}; iomem-ktest end {other}").check()


def test_a_device_that_sleeps(bench, pv, granter):
    bench.dom0(f"echo 1 > {SYSFS}/{E1000E}/enable").check()
    made = bench.dom0(f"iomem-ktest grant {pv.domid} {E1000E} 0 0 4096 2").check().out.split()[0]
    at = 0x34
    while read(bench, at, 1, E1000E)[0] and read(bench, read(bench, at, 1, E1000E)[0], 1, E1000E) != b"\x01":
        at = read(bench, at, 1, E1000E)[0] + 1
    control = read(bench, at, 1, E1000E)[0] + 4
    state = int.from_bytes(read(bench, control, 2, E1000E), "little")
    try:
        seen_and_gone(bench, made, NOT_D0, "not-d0", control, (state | 3).to_bytes(2, "little"), E1000E)
    finally:
        bench.dom0(f"iomem-ktest end {made}; echo 0 > {SYSFS}/{E1000E}/enable")


def test_a_device_that_does_not_decode_is_granted_only_where_that_is_allowed(bench, pv, granter):
    grant, allow = f"iomem-ktest grant {pv.domid} {REMOVED} 0", 32
    bench.dom0(f"while [ $(cat {SYSFS}/{REMOVED}/enable) -gt 0 ]; do echo 0 > {SYSFS}/{REMOVED}/enable; done").check()
    command = int.from_bytes(read(bench, 4, 2), "little")
    off = (command & ~2).to_bytes(2, "little")
    with written(bench, 4, off):
        assert bench.dom0(f"{grant} 0 4096").err == "GRANT: Host is down\n"
        refused = granter.refused(f"grant {pv.name} {REMOVED}/0@0+4K")
        assert (refused.rc, refused.slug) == (6, "decode-off"), refused
        assert read(bench, 4, 2) == off
        made = bench.dom0(f"{grant} 0 4096 {allow}").check().out.split()[0]
        assert read(bench, 4, 1)[0] & 2, "the module turns it on"
        # A second grant finds the device in use: it turns nothing on.
        write(bench, 4, off)
        assert bench.dom0(f"{grant} 4096 4096 {allow}").err == "GRANT: Host is down\n"
        bench.dom0(f"iomem-ktest end {made}").check()
    bench.dom0(f"echo 1 > {SYSFS}/{REMOVED}/enable").check()


def test_commands_of_both_sides_tell_of_a_change_within_two_seconds(bench, guest, granter):
    agent = Agent(guest)
    bench.dom0(f"echo 1 > {SYSFS}/{REMOVED}/enable").check()
    grant = granter.grant(guest, f"{REMOVED}/0@0+4K")["id"]
    untouched = bench.xenstore()
    command = int.from_bytes(read(bench, 4, 2), "little")
    changes = ((command | 4, "bus-master", "bus mastering is on", "COMMAND=0:4"),
               (command & ~2, "decode-off", "memory decoding is off", "COMMAND=2:2"))
    for value, name, words, remedy in changes:
        with written(bench, 4, value.to_bytes(2, "little")):
            bench.dom0("sleep 2")
            shown = granter.json(f"show g{grant}")["grant"]
            assert (shown["changes"], shown["note"], shown["state"]) == ([name], words, "mapped")
            listed = granter.run(f"list --device={REMOVED} --no-legend").check().out
            assert listed.rstrip().endswith(f"({words})"), listed
            layer = problems(granter.run("--json doctor"))["grants"]
            assert layer["message"] == f"{REMOVED} (g{grant}): {words}"
            assert layer["remedy"] == f"setpci -s {REMOVED} {remedy}"
            told = problems(agent.run("--json doctor"))[f"g{grant}"]
            assert (told["message"], told["code"]) == (words, layer["code"])
            assert agent.json(f"show g{grant}")["grant"]["changes"] == [name]
            assert agent.list()[0]["state"] == "mapped"
        bench.dom0("sleep 2")
        assert problems(granter.run("--json doctor")) == problems(agent.run("--json doctor")) == {}
        assert bench.xenstore() == untouched
        assert granter.json(f"show g{grant}")["grant"]["changes"] == []
    granter.run(f"revoke g{grant} --wait=60").check()


def test_a_guest_is_told_once_and_when_xenstored_answers(bench, guest, granter):
    agent = Agent(guest)
    bench.dom0(f"echo 1 > {SYSFS}/{REMOVED}/enable").check()
    grant = granter.grant(guest, f"{REMOVED}/0@0+4K")
    backend = f"/local/domain/0/backend/iomem/{guest.domid}/{grant['devid']}"
    command = int.from_bytes(read(bench, 4, 2), "little")

    def told():
        return agent.json(f"show {grant['id']}")["grant"]["changes"]

    with contextlib.ExitStack() as change:
        with hung_xenstored(bench):
            change.enter_context(written(bench, 4, (command | 4).to_bytes(2, "little")))
            wait_until("the module sees it", lambda: changes(bench, str(grant["id"])) == BUS_MASTER, 5)
            assert told() == []
        wait_until("the guest is told", lambda: told() == ["bus-master"], 10)
        (node,) = [line for line in bench.xenstore(backend).splitlines() if line.startswith(f"{backend}/changes ")]
        assert '"bus-master"' in node and node.endswith(f"(n0,r{guest.domid})"), node
        # A watch tells of the path itself at first.
        assert bench.dom0(f"timeout 4 xenstore-watch -n 9 {backend}").out == f"{backend}\n"
        refused = guest.run(f"xenstore-write {backend}/changes x || xenstore-rm {backend}/changes")
        assert refused.rc != 0, refused.text
        # A driver of the guest that comes later reads it, too.
        driver = "/sys/bus/xen/drivers/xen_iomemgrant"
        guest.run(f"echo iomem-{grant['devid']} > {driver}/unbind && echo iomem-{grant['devid']} > {driver}/bind").check()
        wait_until("the guest maps again", lambda: [g["changes"] for g in agent.list()] == [["bus-master"]], 20)
    wait_until("the guest is told of the end", lambda: told() == [], 10)
    granter.revoke(grant)


def test_a_device_that_changes_all_the_time_costs_one_transaction_a_look(bench, pv, granter):
    bench.dom0(f"echo 1 > {SYSFS}/{REMOVED}/enable").check()
    grant = granter.grant(pv, f"{REMOVED}/0@0+4K")
    state = f"/local/domain/0/backend/iomem/{pv.domid}/{grant['devid']}/state"
    bit = f"setpci -s {REMOVED} COMMAND"
    bench.dom0(f"touch /run/flap; (while [ -e /run/flap ]; do {bit}=4:4; {bit}=0:4; done) >/dev/null 2>&1 &").check()
    try:
        # The module looks once a second.
        told = bench.dom0(f"timeout 8 xenstore-watch -n 99 {state}").out.splitlines()[1:]
    finally:
        bench.dom0(f"rm /run/flap; usleep 500000; {bit}=0:4").check()
    assert 1 <= len(told) <= 9, told
    granter.revoke(grant)
