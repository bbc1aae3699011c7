# SPDX-License-Identifier: GPL-2.0-or-later
"""Ordinary grants: the same answers on a stock and on a patched hypervisor."""

from lab import GENERAL, HANDLE, Skip, case


@case("pv", "pvh", hypervisor="both")
def R1_ordinary_grants(m, g, check):
    """Ordinary grants answer the same on stock and patched."""
    page = m.dom0.one("page")
    ref = m.grant(g, page["gfn"])
    m.dom0.one(f"poke {page['va']} 0x600dda7a")
    mine = g.one("page")
    check("copy in", 0, g.one(f"copy 1 0 {ref} 0 0x7ff0 {mine['gfn']} 0 64")["status"])
    check("data", 0x600dda7a, g.peek(mine["va"]))
    g.one(f"poke {mine['va']} 0x0ddba115")
    check("copy out", 0, g.one(f"copy 2 0x7ff0 {mine['gfn']} 0 0 {ref} 0 64")["status"])
    check("data", 0x0ddba115, m.dom0.peek(page["va"]))
    at = g.addr + 0x40000 if g.addr else g.one("window")["va"]
    a = g.map(ref, 2, at)
    check("map", 0, a["status"])
    check("dom0 cannot end", 0, m.end(ref))
    check("unmap", 0, g.unmap(a["handle"], at))
    check("unmap again", HANDLE, g.unmap(a["handle"], at))
    check("end", 1, m.end(ref))
    for what, flags in (("readonly entry, write map", 5), ("invalid", 0)):
        ref = m.grant(g, page["gfn"], flags)
        check(what, GENERAL, g.map(ref, 2, at)["status"])
        m.end(ref)
    job = g.guest.start("rm -f /run/stop; hvt share 0 /run/stop")
    shared = job.wait_for_output("ref=").split("ref=")[1].split()[0]
    check("gntalloc and gntdev", "wrong=0", m.bench.dom0(f"hvt attach {g.domid} {shared}").out.strip())
    g.run("touch /run/stop")


@case("pv", "pvh", hypervisor="both")
def R2_version_2(m, g, check):
    """The same with a version 2 table, whose status words are apart from the flags."""
    if m.dom0.one("version 2")["rc"]:
        raise Skip("dom0's table does not change to version 2 here")
    try:
        page = m.dom0.one("page")
        ref = m.grant(g, page["gfn"])
        m.dom0.one(f"poke {page['va']} 0x600dda7a")
        mine = g.one("page")
        check("copy in", 0, g.one(f"copy 1 0 {ref} 0 0x7ff0 {mine['gfn']} 0 64")["status"])
        check("data", 0x600dda7a, g.peek(mine["va"]))
        at = g.addr + 0x40000 if g.addr else g.one("window")["va"]
        a = g.map(ref, 2, at)
        check("map", 0, a["status"])
        check("in use", 3 << 3, m.dom0.one(f"entry {ref}")["status"])
        check("unmap", 0, g.unmap(a["handle"], at))
        check("not in use", 0, m.dom0.one(f"entry {ref}")["status"])
        check("end", 1, m.end(ref))
    finally:
        check("back to version 1", 0, m.dom0.one("version 1")["rc"])


# The frontend's driver gives up without a backend directory, the backend's without a frontend's state: so this order.
DISK = """
set -e
dd if=/dev/urandom of=/run/disk bs=1M count=2 2>/dev/null
modprobe loop; modprobe xen-blkback
losetup /dev/loop0 /run/disk
back=/local/domain/0/backend/vbd/{d}/51712 front=/local/domain/{d}/device/vbd/51712
for node in frontend=$front frontend-id={d} online=1 removable=0 bootable=0 dev=xvda type=phy mode=w device-type=disk \\
    params=/dev/loop0 physical-device=7:0 hotplug-status=connected discard-enable=0; do
  xenstore-write $back/${{node%%=*}} "${{node#*=}}"
done
xenstore-chmod -r $back n0 r{d}
for node in backend=$back backend-id=0 virtual-device=51712 device-type=disk; do
  xenstore-write $front/${{node%%=*}} "${{node#*=}}"
done
xenstore-chmod -r $front n{d} r0
xenstore-write $front/state 1
xenstore-write $back/state 1
"""
NO_DISK = """
xenstore-write /local/domain/0/backend/vbd/{d}/51712/state 5
for i in 1 2 3 4 5 6 7 8 9 10; do losetup -d /dev/loop0 2>/dev/null && break; sleep 0.5; done
xenstore-rm /local/domain/0/backend/vbd/{d}; xenstore-rm /local/domain/{d}/device/vbd; rm -f /run/disk
"""


@case("pv", "pvh", hypervisor="both")
def R3_block_device(m, g, check):
    """A disk through xen-blkback: every byte read and written goes through ordinary grants."""
    m.bench.dom0(DISK.format(d=g.domid)).check()
    try:
        g.run("modprobe xen-blkfront").check()
        found = g.run("for i in $(seq 200); do test -b /dev/xvda && exit 0; sleep 0.1; done; exit 1")
        if found.rc:
            print(m.bench.xenstore(f"/local/domain/0/backend/vbd/{g.domid}"), m.bench.dom0("dmesg | tail -5").out)
        check("the disk appears", 0, found.rc)
        theirs = m.bench.dom0("md5sum < /run/disk").out.split()[0]
        check("read", theirs, g.run("md5sum < /dev/xvda", timeout=120).out.split()[0])
        g.run("dd if=/dev/urandom of=/run/data bs=1M count=1 2>/dev/null; "
              "dd if=/run/data of=/dev/xvda bs=64k seek=8 conv=fsync 2>/dev/null; sync", timeout=120).check()
        mine = g.run("md5sum < /run/data").out.split()[0]
        check("written", mine, m.bench.dom0("dd if=/run/disk bs=64k skip=8 count=16 2>/dev/null | md5sum").out.split()[0])
    finally:
        m.bench.dom0(NO_DISK.format(d=g.domid))
