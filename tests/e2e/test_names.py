# SPDX-License-Identifier: GPL-2.0-or-later
"""How grants and guests are named: ids, labels, and names that are not plain ASCII."""


def test_a_label_is_set_later_and_names_the_grant(bench, pv, granter):
    grant = granter.grant(pv, f"{bench.edu}/0@0+4K")
    named = granter.json(f"grant {pv.name} {bench.edu}/0@0+4K --label=bell --wait=60")
    assert named["changed"] is True
    assert [(g["id"], g["label"]) for g in named["grants"]] == [(grant["id"], "bell")]
    for name in ("bell", "label:bell", f"{pv.name}/bell", f"id:{grant['id']}"):
        assert granter.json(f"show {name}")["grant"]["id"] == grant["id"]
    assert granter.refused("wait blel --for=gone").slug == "no-grant"
    granter.run(f"revoke {pv.name}/bell --wait 60").check()
    assert granter.list() == []


def test_ids_count_on_when_the_module_is_loaded_again(bench, pv, granter):
    first = granter.grant(pv, f"{bench.edu}/0@0+4K")
    granter.revoke(first)
    bench.dom0("rmmod xen_iomemgrant && modprobe xen_iomemgrant").check()
    second = granter.grant(pv, f"{bench.edu}/0@0+4K")
    assert second["id"] == first["id"] + 1
    granter.revoke(second)
    granter.run(f"wait g{first['id']} --for=gone").check()
    assert granter.refused(f"wait g{second['id'] + 1} --for=gone").slug == "no-grant"


def test_a_guest_is_found_by_a_name_that_is_not_ascii(bench, pv, granter):
    path = f"/local/domain/{pv.domid}/name"
    bench.dom0(f"xenstore-write {path} 网络").check()
    try:
        document = granter.json(f"grant 网络 {bench.edu}/0@0+4K --wait=60")
        assert [g["domain"]["name"] for g in document["grants"]] == ["网络"]
        granter.run("revoke --domain 网络 --wait 60").check()
    finally:
        bench.dom0(f"xenstore-write {path} {pv.name}").check()
