# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel in lockdown, as Secure Boot boots it: user space gets no device memory, drivers do."""

import pytest

from product import Agent, node

EDU_ID = 0x010000ED
PAGE = 4096
LOCK = "mount -t securityfs none /sys/kernel/security 2>/dev/null; echo integrity > /sys/kernel/security/lockdown"


@pytest.mark.extra_guest
def test_a_guest_in_lockdown_maps_nothing_for_user_space(bench, kind, granter):
    guest = bench.start_guest(f"locked-{kind}", kind)
    grant = granter.grant(guest, f"{bench.edu}/0@0+4K")
    made, first = bench.dom0(f"iomem-ktest grant {guest.domid} {bench.shm} 2 0 {PAGE}").check().out.split()[:2]
    assert Agent(guest).read(grant, 0) == EDU_ID
    assert "locked-down=0" in guest.run("iomem-ktest info").out
    # A module without a signature could not be loaded later.
    guest.run(f"insmod /root/iomem_driver.ko id={grant['id']}").check()
    guest.run(LOCK).check()
    assert "locked-down=1" in guest.run("iomem-ktest info").out
    assert guest.run(f"iomem-probe read {node(grant)} 0").out == "mmap: Operation not permitted\n"
    assert "FAIL remap: the first map: Operation not permitted" in guest.run(f"iomem-ktest remap {first} 1 /").out
    # A driver reads it all the same.
    assert guest.run("cat /sys/module/iomem_driver/parameters/value").out == f"{EDU_ID:#010x}\n"
    bench.dom0(f"iomem-ktest end {made}").check()
    granter.revoke(grant)
    bench.forget(guest.name)


def test_dom0_in_lockdown_grants_nothing(tested):
    logs = tested.logs / "lockdown"
    logs.mkdir()
    with tested.boot(logs) as bench:
        pv = bench.start_guest("web1", "pv")
        call = f"iomem-ktest grant {pv.domid} {bench.shm} 2 0 {PAGE}"
        made = bench.dom0(call).check().out.split()[0]
        bench.dom0(LOCK).check()
        assert "locked-down=1" in bench.dom0("iomem-ktest info").out
        assert bench.dom0(call.replace(" 0 ", f" {PAGE} ")).err == "GRANT: Operation not permitted\n"
        # What was granted before can be ended.
        bench.dom0(f"iomem-ktest end {made}").check()
        assert bench.dom0("ls /sys/class/iomemgrant").out == ""
