# SPDX-License-Identifier: GPL-2.0-or-later
"""The contracts of tests/contract/ on xenstored and on the module."""

import re

import pytest


@pytest.mark.parametrize("seam", ["XenStore", "GrantDevice"])
def test_the_real_adapter_keeps_the_contract_of(bench, pv, granter, seam):
    before = bench.xenstore()
    result = bench.dom0(f"CONTRACT_GUEST={pv.domid} CONTRACT_DEVICE={bench.shm} "
                        f"contract-real --gtest_filter='{seam}Contract.*' 2>&1", timeout=300)
    assert result.rc == 0, result.out
    assert int(re.search(r"\[  PASSED  \] (\d+) test", result.out)[1]) >= 5, result.out
    assert bench.xenstore() == before
