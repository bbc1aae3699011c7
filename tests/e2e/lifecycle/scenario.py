# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of lifecycles share."""

import contextlib

from devices import REMOVED

EDU_ID = 0x010000ED


@contextlib.contextmanager
def extra_guest(bench, name, kind, **settings):
    """A guest of this test alone; whatever becomes of it, it is gone afterwards."""
    guest = bench.start_guest(name, kind, **settings)
    try:
        yield guest
    finally:
        bench.forget(name)


@contextlib.contextmanager
def host_driver(bench, options="", name="iomem_host"):
    """A driver called `name` for REMOVED: the function yielded binds it, and tells whether it is bound."""
    device = f"/sys/bus/pci/devices/{REMOVED}"
    bench.dom0(f"insmod /root/iomem_host.ko name={name} {options}; echo {name} > {device}/driver_override").check()

    def bind():
        bench.dom0(f"echo {REMOVED} > /sys/bus/pci/drivers_probe")
        return bench.dom0(f"test -e {device}/driver").rc == 0

    try:
        yield bind
    finally:
        bench.dom0(f"echo > {device}/driver_override; rmmod iomem_host; echo 1 > {device}/enable")


def wait_until(what, happens, seconds=60):
    """Wait for something that no event tells of."""
    import time
    deadline = time.monotonic() + seconds
    while not (seen := happens()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.2)
    return seen


def module_forgets(granter, references):
    """The module has ended by itself what it held for somebody who is gone."""
    wait_until("the module holds what it held before", lambda: granter.references() == references)


def clear_of(bench, granter, references):
    """One command repairs whatever is left, and nothing is left then."""
    granter.run("revoke --all --wait=10").check()
    assert granter.list() == []
    assert granter.references() == references
    assert "/backend/iomem" not in bench.xenstore("/local/domain/0")
