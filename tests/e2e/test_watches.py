# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests that have used up their watches, of which xenstored gives each guest a number."""

import contextlib
import time

from product import wait_until


@contextlib.contextmanager
def no_watch_left(guest):
    """The program that holds every watch of the guest: go() has it give one back."""
    hog = guest.start("rm -f /run/go; exec watch-hog /run/go")
    hog.wait_for_output("full")
    try:
        yield lambda: guest.run("touch /run/go").check()
    finally:
        guest.run("killall watch-hog").check()


@contextlib.contextmanager
def more_watches(bench, guest, granter):
    """The remedy of the hint; oxenstored has none while it runs."""
    limit = granter.json(f"limits {guest.name}")["domain"]["xenstore"]["max_watches"]
    bench.dom0(f"xenstore-control quota set watches {limit + 8}").check()
    try:
        yield
    finally:
        bench.dom0(f"xenstore-control quota set watches {limit}").check()


def waits_for_watch(bench, guest, grant):
    error = bench.dom0(f"xenstore-read /local/domain/{guest.domid}/device/iomem/{grant['id']}/error").out
    return error == "ENOSPC watches: xenstored lets this guest have no more watches\n"


def test_a_guest_without_watches_takes_offers_up_when_one_is_free(bench, pv, granter):
    def states(*grants):
        known = {grant["id"]: grant["state"] for grant in granter.list()}
        return [known[grant["id"]] for grant in grants]

    with no_watch_left(pv) as give_one_back:
        refused = granter.refused(f"grant {pv.name} {bench.shm}/2@0+4K --wait=60")
        assert (refused.rc, refused.slug) == (7, "xenstore-quota"), refused
        assert {"xenstored": "quota set watches", "oxenstored": "quota-maxwatch"}[bench.xenstored] in refused.text
        first, second, third = [granter.grant(pv, f"{bench.shm}/2@{page * 4}K+4K", "--no-wait") for page in range(3)]
        for grant in (first, second, third):
            wait_until(lambda: waits_for_watch(bench, pv, grant), 20)
        assert states(first, second, third) == ["offered"] * 3
        give_one_back()
        wait_until(lambda: "mapped" in states(first, second, third), 60)
        assert sorted(states(first, second, third)) == ["mapped", "offered", "offered"]
        # The two remedies of the hint.
        (mapped,) = [grant for grant in (first, second, third) if states(grant) == ["mapped"]]
        granter.revoke(mapped)
        left = [grant for grant in (first, second, third) if grant != mapped]
        wait_until(lambda: "mapped" in states(*left), 15)
        if bench.xenstored == "xenstored":
            with more_watches(bench, pv, granter):
                wait_until(lambda: states(*left) == ["mapped", "mapped"], 60)
        else:
            give_one_back()
            wait_until(lambda: states(*left) == ["mapped", "mapped"], 60)
        assert not any(waits_for_watch(bench, pv, grant) for grant in left)
    granter.revoke(*left)


def test_an_offer_waits_for_a_watch_through_a_checkpoint_and_a_reload_of_the_module(bench, pv, granter):
    with no_watch_left(pv) as give_one_back:
        first, second = [granter.grant(pv, f"{bench.shm}/2@{page * 4}K+4K", "--no-wait") for page in range(2)]
        wait_until(lambda: waits_for_watch(bench, pv, first) and waits_for_watch(bench, pv, second), 20)
        # The guest has no driver that could answer, and is not waited for.
        begin = time.monotonic()
        granter.revoke(first)
        assert time.monotonic() - begin < 10
        # The guest goes on, so its image is not needed.
        pv.save("/dev/null", "-c").check()
        pv.run("rmmod xen_iomemgrant && modprobe xen_iomemgrant").check()
        assert waits_for_watch(bench, pv, second)
        give_one_back()
        wait_until(lambda: granter.list()[0]["state"] == "mapped", 60)
    granter.revoke(second)
