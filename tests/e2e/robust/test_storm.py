# SPDX-License-Identifier: GPL-2.0-or-later
"""Many commands at once: programs/storm.c does it, in dom0."""

import os
import random

import pytest

SECONDS = int(os.environ.get("STORM_SECONDS", "40"))
WORKERS = 8
PAGES = 24


@pytest.mark.extra_guest
def test_eight_commands_at_once_over_four_guests_never_grant_a_page_twice_nor_lose_one(bench, pv, pvh, granter):
    more = [bench.start_guest("storm-pv", "pv"), bench.start_guest("storm-pvh", "pvh")]
    names = " ".join(guest.name for guest in (pv, pvh, *more))
    seed = int(os.environ.get("STORM_SEED", random.randrange(1 << 30)))
    try:
        result = bench.dom0(f"storm {SECONDS} {WORKERS} {PAGES} {seed} {bench.shm}/2 {names}", timeout=SECONDS + 500)
        print(f"seed {seed}: {result.text}")
        assert result.rc == 0, f"STORM_SEED={seed}\n{result.text}"
    finally:
        for guest in more:
            guest.destroy()
