# SPDX-License-Identifier: GPL-2.0-or-later
"""Ordinary grants: the same answers on a stock and on a patched hypervisor."""

from abi import GNTMAP, GNTST, GTF
from lab import Skip, case, ended

FROM_DOM0, FROM_GUEST = 0x600dda7a, 0x0ddba115


@case("pv", "pvh", hypervisor="both")
def an_ordinary_grant_is_copied_and_mapped(machine, guest, check):
    page, mine = machine.dom0.one("page"), guest.one("page")
    ref = machine.grant(guest, page["gfn"])
    machine.dom0.one(f"poke {page['va']} {FROM_DOM0:#x}")
    check("dom0's page is copied to the guest", GNTST.okay, guest.copy_from(ref, mine["gfn"]))
    check("the guest has dom0's data", FROM_DOM0, guest.peek(mine["va"]))
    guest.one(f"poke {mine['va']} {FROM_GUEST:#x}")
    check("the guest's page is copied to dom0", GNTST.okay, guest.copy_to(ref, mine["gfn"]))
    check("dom0 has the guest's data", FROM_GUEST, machine.dom0.peek(page["va"]))
    at = guest.place(0x40000)
    answer = guest.map(ref, GNTMAP.host_map, at)
    check("the page is mapped", GNTST.okay, answer["status"])
    check("dom0 cannot end a grant in use", 0, machine.end(ref))
    check("the page is unmapped", GNTST.okay, guest.unmap(answer["handle"], at))
    check("a second unmap is refused", GNTST.bad_handle, guest.unmap(answer["handle"], at))
    ended(machine, ref, check)
    for what, flags in (("a readonly", GTF.permit_access | GTF.readonly), ("an invalid", GTF.invalid)):
        ref = machine.grant(guest, page["gfn"], flags)
        check(f"a writable map of {what} entry is refused", GNTST.general_error,
              guest.map(ref, GNTMAP.host_map, at)["status"])
        machine.end(ref)
    job = guest.guest.start("rm -f /run/stop; hvt share 0 /run/stop")
    shared = job.wait_for_output("ref=").split("ref=")[1].split()[0]
    check("gntdev reads what gntalloc shares", "wrong=0",
          machine.bench.dom0(f"hvt attach {guest.domid} {shared}").out.strip())
    guest.run("touch /run/stop")


@case("pv", "pvh", hypervisor="both")
def an_ordinary_grant_of_version_2_is_copied_and_mapped(machine, guest, check):
    """A version 2 table has its status words apart from the flags."""
    if machine.dom0.one("version 2")["rc"]:
        raise Skip("dom0's table does not change to version 2 here")
    try:
        page = machine.dom0.one("page")
        ref = machine.grant(guest, page["gfn"])
        machine.dom0.one(f"poke {page['va']} {FROM_DOM0:#x}")
        mine = guest.one("page")
        check("dom0's page is copied to the guest", GNTST.okay, guest.copy_from(ref, mine["gfn"]))
        check("the guest has dom0's data", FROM_DOM0, guest.peek(mine["va"]))
        at = guest.place(0x40000)
        answer = guest.map(ref, GNTMAP.host_map, at)
        check("the page is mapped", GNTST.okay, answer["status"])
        in_use = int(GTF.reading | GTF.writing)
        check("the status word says that the entry is in use", in_use, machine.dom0.one(f"entry {ref}")["status"])
        check("the page is unmapped", GNTST.okay, guest.unmap(answer["handle"], at))
        check("the status word says that the entry is free", 0, machine.dom0.one(f"entry {ref}")["status"])
        ended(machine, ref, check)
    finally:
        check("dom0's table is of version 1 again", 0, machine.dom0.one("version 1")["rc"])


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
def a_disk_works_through_xen_blkback(machine, guest, check):
    """Every byte that is read and written goes through ordinary grants."""
    machine.bench.dom0(DISK.format(d=guest.domid)).check()
    try:
        guest.run("modprobe xen-blkfront").check()
        found = guest.run("for i in $(seq 200); do test -b /dev/xvda && exit 0; sleep 0.1; done; exit 1")
        if found.rc:
            print(machine.bench.xenstore(f"/local/domain/0/backend/vbd/{guest.domid}"),
                  machine.bench.dom0("dmesg | tail -5").out)
        check("the disk appears", 0, found.rc)
        theirs = machine.bench.dom0("md5sum < /run/disk").out.split()[0]
        check("the guest reads the disk", theirs, guest.run("md5sum < /dev/xvda", timeout=120).out.split()[0])
        guest.run("dd if=/dev/urandom of=/run/data bs=1M count=1 2>/dev/null; "
                  "dd if=/run/data of=/dev/xvda bs=64k seek=8 conv=fsync 2>/dev/null; sync", timeout=120).check()
        mine = guest.run("md5sum < /run/data").out.split()[0]
        check("the disk holds what the guest wrote", mine,
              machine.bench.dom0("dd if=/run/disk bs=64k skip=8 count=16 2>/dev/null | md5sum").out.split()[0])
    finally:
        machine.bench.dom0(NO_DISK.format(d=guest.domid))
