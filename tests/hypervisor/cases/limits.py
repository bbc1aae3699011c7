# SPDX-License-Identifier: GPL-2.0-or-later
"""What a guest can wear out, and configurations that are refused."""

from lab import DOMAIN, GENERAL, IOMEM, OKAY, SPACE, Skip, case


@case("pv", "pvh")
def T42(m, g, check):
    """No cache of anybody is flushed by a guest that maps and unmaps: counted by the emulator."""
    ref = m.grant(g, m.edu)
    before = m.wbinvd()
    a = g.one(f"loop {m.loops} 0 {ref} {IOMEM} {g.addr}", timeout=300)
    print(f"   {m.loops} pairs, {a['ticks'] // m.loops} ticks on average, {a['worst']} at most")
    check(f"{m.loops} pairs", 0, a["bad"])
    check("WBINVD executed meanwhile", 0, m.wbinvd() - before)
    check("end", 1, m.end(ref))
    before = m.wbinvd()
    m.dom0.one("wbinvd")
    check("the counter counts", True, m.wbinvd() > before)


@case("shadow")
def T43(m, g, check):
    ref = m.grant(g, m.edu)
    check("probe", DOMAIN, g.map(0, addr=0, dom=0x7ff4)["status"])
    check("shadow paging", GENERAL, g.map(ref)["status"])
    check("ordinary map still works", OKAY, ordinary(m, g))
    check("end", 1, m.end(ref))
    m.release("shadow")


@case("nested")
def T43_nested(m, g, check):
    ref = m.grant(g, m.edu)
    check("probe", DOMAIN, g.map(0, addr=0, dom=0x7ff4)["status"])
    check("nested virtualisation", GENERAL, g.map(ref)["status"])
    check("ordinary map still works", OKAY, ordinary(m, g))
    check("end", 1, m.end(ref))
    m.release("nested")


@case("dom0")
def T43_altp2m(m, g, check):
    raise Skip("altp2m needs Intel's EPT, and QEMU's software emulation has no VMX")


def ordinary(m, g):
    ref = m.grant(g, m.dom0.one("page")["gfn"])
    a = g.map(ref, 2, g.addr)
    g.unmap(a["handle"], g.addr)
    m.end(ref)
    return a["status"]


@case("pvh")
def POOL(m, g, check):
    """A guest that uses up the memory its physmap is made of is told so, and nothing of it stays."""
    refs, status, mapped = [], OKAY, 0
    for n in range(6):
        refs.append(m.grant(g, m.shm + n))
        a = g.one(f"map_many 0 {refs[-1]} {IOMEM} {(256 + 120 * n) << 30} 120 {1 << 30} 1")
        mapped, status = mapped + a["mapped"], a["status"]
        if status:
            break
    check("the pool is empty", SPACE, status)
    check("some were mapped", True, mapped > 10)
    check("guest alive", "pvh", g.one("info")["type"])
    check("all unmapped", mapped, g.one("unmap_all 0 2000")["okay"])
    check("all end", [1] * len(refs), [m.end(r) for r in refs])
    m.release("pvh")
