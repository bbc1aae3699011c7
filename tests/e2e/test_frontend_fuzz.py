# SPDX-License-Identifier: GPL-2.0-or-later
"""What a guest makes of publications, malformed in every node: xen-iomemgrant(7), read by somebody else.

Valid and spoilt values are made from one seed; `accepted()` says from the manual alone what must
become of each.  Whatever happens, the guest must stay unharmed and map the next good one.
"""

import os
import random
import re

import pytest

from module import references
from product import Agent

SEED = int(os.environ.get("XEN_IOMEMGRANT_FUZZ_SEED", "7"))
VARIANTS = int(os.environ.get("XEN_IOMEMGRANT_FUZZ_VARIANTS", "80"))    # 300 are all lists and more
NR = 4
# Numbers of grants the kernel module, which counts milliseconds since boot, has long passed or never reaches.
FIRST_ID = 1 << 40

LABEL = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
UUID = re.compile(rb"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
NUMBER = re.compile(rb"0|[1-9][0-9]*")
RANGE = re.compile(rb"(0|[1-9][0-9]*)(-(0|[1-9][0-9]*))?")

REQUIRED = ("b/protocol", "b/method", "b/mode", "b/cache", "b/page-size", "b/nr-pages", "b/refs")
BY_NODE = {
    "b/state": [b"0", b"1", b"2", b"3", b"5", b"6", b"7", b"8", b"9", b"-4", b"44", b"x", b""],
    "b/protocol": [b"2", b"1,2", b"2,1", b"11", b"1 ", b" 1", b"01", b"1,", b",1", b"1.0", b"one"],
    "b/method": [b"domctl", b"grants", b"Grant", b"grant ", b"grant,domctl"],
    "b/mode": [b"ro", b"r", b"rwx", b"wr", b"RW"],
    "b/cache": [b"wc", b"wb", b"wt", b"uc-", b"UC"],
    "b/page-size": [b"0", b"1", b"4095", b"8192", b"04096", b"0x1000", b"4096 ", b"18446744073709555712", b"-4096"],
    "b/nr-pages": [b"0", b"1", b"3", b"5", b"04", b"+4", b"-1", b"1024", b"1025", b"262145", b"4294967296",
                   b"4294967300", b"18446744073709551620", b"4.0", b"4 "],
    "b/label": [b"", b"-x", b".x", b"a/b", b"a b", b"../../etc", b"l" * 63, b"l" * 64, b"\xc3\xa9", b"ok.ok_ok-9"],
    "b/uuid": [b"", b"x", b"6f0c1f2e-5b7a-4e0e-9f3d-0d9a4c1b2e7", b"6f0c1f2e-5b7a-4e0e-9f3d-0d9a4c1b2e777",
               b"6f0c1f2e5b7a4e0e9f3d0d9a4c1b2e77", b"6f0c1f2e-5b7a-4e0e-9f3d-0d9a4c1b2e7g",
               b"6F0C1F2E-5B7A-4E0E-9F3D-0D9A4C1B2E77"],
    # No value of this one keeps the guest from mapping.
    "b/changes": [b"", b"bus-master", b"x", b",,", b"bus-master\0", b"not-d0," * 18 + b"x", b"bus-master" * 200, b"\xff"],
    "f/backend": [b"", b"/", b"/local/domain/0/backend/iomem", b"/local/domain/0/backend/vif/1/0", b"relative/path",
                  b"/local/domain/0/backend/iomem/0/1", b"/local/domain/0", b"/vm", b"../../../0"],
    "f/backend-id": [b"", b"1", b"32752", b"-1", b"65536", b"x"],
    "f/state": [b"2", b"3", b"6", b"0", b"7", b"x", b""],
}


def refs_variants(first):
    a, b, c, d = (str(first + n).encode() for n in range(4))
    return [b",".join((a, b, c, d)), a + b"-" + b + b"," + c + b"-" + d, d + b"," + a + b"-" + c,      # good
            a + b"-" + c, a + b"-" + d + b"," + a, a, d + b"-" + a, a + b"-", b"-" + d, b"",
            a + b"," + b + b"," + c + b"," + d + b",", b"," + a + b"-" + d, a + b" - " + d, a + b"-" + d + b"\n",
            b"0" + a + b"-" + d, a + b"-" + d + b":0", a + b":2", b"0-3", b"4-7", b"7-10", b"8-11", b"60000-60003",
            b"4294967292-4294967295", b"4294967296-4294967299", b"18446744073709551616", a + b"-18446744073709551619",
            (a + b",") * 300 + a, b"9" * 1024, b"9" * 1025, b"," * 100, b"-" * 100, a + b"-" + b + b"-" + c]


def good_offer(guest, first, number):
    return {
        "b/frontend": f"/local/domain/{guest.domid}/device/iomem/{number}".encode(),
        "b/frontend-id": str(guest.domid).encode(), "b/online": b"1", "b/state": b"4", "b/protocol": b"1",
        "b/method": b"grant", "b/refs": f"{first}-{first + NR - 1}".encode(), "b/nr-pages": str(NR).encode(),
        "b/page-size": b"4096", "b/mode": b"rw", "b/cache": b"uc", "b/label": f"fuzz-{number}".encode(),
        "b/uuid": guest.uuid.encode(), "b/bdf": b"0000:00:11.0", "b/bar": b"2", "b/offset": b"0",
        "f/backend": f"/local/domain/0/backend/iomem/{guest.domid}/{number}".encode(), "f/backend-id": b"0",
    }


def spoil(value, rng):
    """A value that is like the good one, but not it."""
    value = bytearray(value)
    what = rng.randrange(7)
    at = rng.randrange(len(value) + 1)
    if what == 0:
        value[at:at] = bytes([rng.randrange(256)])
    elif what == 1:
        del value[at:at + 1 + rng.randrange(3)]
    elif what == 2 and value:
        value[rng.randrange(len(value))] = rng.randrange(256)
    elif what == 3:
        value = value[:at] + b"\0" + value[at:]
    elif what == 4:
        value = bytearray(value * rng.randrange(2, 20))[:2000]
    elif what == 5:
        value = bytearray(rng.randbytes(rng.randrange(0, 200)))
    else:
        value = bytearray(rng.choice([b" ", b"\n", b"0", b"+", b"%s%n", b"\xff\xfe", b"A" * 2000]) + value)
    return bytes(value)


def variants(guest, first):
    """(offer, the node that was changed): each node's list, its absence, then at random."""
    rng = random.Random(SEED)
    by_node = dict(BY_NODE, **{"b/refs": refs_variants(first)})
    number = FIRST_ID
    plans = [(node, value) for node, values in by_node.items() for value in values]
    plans += [(node, None) for node in (*REQUIRED, "b/label", "b/uuid", "b/online", "b/bdf", "b/state", "f/backend",
                                        "f/backend-id")]
    plans += [("b/unknown", b"x"), ("b/unknown", b"y" * 2000), ("f/unknown", b"z")]
    nodes = [*by_node, "b/frontend", "b/frontend-id", "b/online", "b/bdf", "b/bar", "b/offset"]
    while len(plans) < VARIANTS:
        plans.append((rng.choice(nodes), ...))
    # What reads them is the same for both kinds of guest; what maps is not.
    plans = rng.sample(plans, VARIANTS if guest.type == "pv" else VARIANTS // 2)
    for node, value in plans:
        number += 1
        offer = good_offer(guest, first, number)
        if value is None:
            offer.pop(node, None)
        else:
            offer[node] = spoil(offer.get(node, b"1"), rng) if value is ... else value
        yield number, offer, node


def whole_number(value, most):
    return bool(NUMBER.fullmatch(value)) and len(value) <= 20 and int(value) <= most


def decode_refs(value):
    """The list of references, or None."""
    if len(value) > 1024:
        return None
    found = []
    for part in value.split(b","):
        match = RANGE.fullmatch(part)
        if not match:
            return None
        low = int(match[1])
        high = int(match[3]) if match[3] else low
        if low < 8 or high < low or high > 0xFFFFFFFF or high - low > 4096:
            return None
        found += range(low, high + 1)
    return found


def leading_number(value, base):
    """How xenbus itself, which reads three of the nodes before the module does, takes a number."""
    digits = rb"-?(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)" if base == 0 else rb"-?[0-9]+"
    match = re.match(rb"[ \t-\r]*(" + digits + rb")", value.split(b"\0")[0])
    if not match:
        return None
    text = match[1].decode()
    if base == 0 and re.fullmatch("-?0[0-7]+", text):
        return int(text, 8)
    return int(text, base or 0)


def accepted(offer, guest, number, first):
    """Must the guest map it?  None: it is no offer of this granter, so all that counts is that it does not."""
    path = f"/local/domain/0/backend/iomem/{guest.domid}/{number}".encode()
    if (leading_number(offer.get("f/state", b"1"), 10) != 1 or leading_number(offer.get("f/backend-id", b""), 0) != 0
            or offer.get("f/backend", b"").split(b"\0")[0] != path or leading_number(offer.get("b/state", b""), 10) != 4):
        return None
    refs = decode_refs(offer.get("b/refs", b""))
    pages = offer.get("b/nr-pages", b"")
    label, uuid = offer.get("b/label"), offer.get("b/uuid")
    return (b"1" in offer.get("b/protocol", b"").split(b",") and len(offer["b/protocol"]) <= 64
            and b"\0" not in offer["b/protocol"]
            and offer.get("b/method") == b"grant" and offer.get("b/mode") == b"rw"
            and offer.get("b/cache") in (b"uc", b"wc") and offer.get("b/page-size") == b"4096"
            and (label is None or bool(LABEL.fullmatch(label))) and (uuid is None or bool(UUID.fullmatch(uuid)))
            and whole_number(pages, 1024) and int(pages) > 0
            and refs is not None and len(refs) == int(pages)
            and all(first <= ref < first + NR for ref in refs))


def encode(number, offer, limit_ms):
    return " ".join([str(number), str(limit_ms), *(f"{node}={value.hex()}" for node, value in offer.items())])


@pytest.mark.flavour("release")
def test_malformed_publications_do_no_harm(bench, guest, granter):
    before = bench.xenstore()
    with references(bench, guest, f"{bench.shm} 2 0 {NR * 4096}") as (grant, first):
        offers = [(number, offer, spoilt, accepted(offer, guest, number, first))
                  for number, offer, spoilt in variants(guest, first)]
        lines = [encode(number, offer, 300 if expected is None else 20000) for number, offer, _, expected in offers]
        bench.put("/root/offers", "\n".join(lines) + "\n")
        said = bench.dom0(f"iomem-offer {guest.domid} < /root/offers", timeout=1200).check().out.splitlines()
        assert len(said) == len(offers)
        mapped = refused = ignored = 0
        for (number, offer, spoilt, expected), line in zip(offers, said):
            about = f"{spoilt}={offer.get(spoilt)!r}: {line!r}"
            who, state, pages, *error = line.split(" ", 3)
            assert int(who) == number, about
            if expected:
                assert (state, pages, error) == ("4", offer["b/nr-pages"].decode(), ["-"]), about
                mapped += 1
            elif expected is False:
                assert state == "6" and re.fullmatch(r"E[A-Z]+ [ -~]+", error[0]) and len(error[0]) <= 200, about
                refused += 1
            else:
                assert state != "4" and pages in ("-", "0"), about
                ignored += 1
        print(f"{len(offers)} offers: {mapped} mapped, {refused} refused, {ignored} ignored")
        assert min(mapped, refused, ignored) > 0
        # No trace in the guest, and the references are free again (the end of `references` insists).
        assert guest.run("ls /dev/xen/iomem 2>/dev/null").out == ""
        assert guest.run("ls /sys/class/iomemgrant").out == ""
        assert guest.run("ls /sys/bus/xen/devices | grep iomem").out == ""
    # What xenbus itself notes when a publication names a backend that is not there.
    bench.dom0(f"xenstore-rm /local/domain/{guest.domid}/error/device")
    assert bench.xenstore() == before
    good = granter.grant(guest, f"{bench.shm}/2@0+4K")
    bench.shm_write(0, b"good")
    assert Agent(guest).read(good, 0) == int.from_bytes(b"good", "little")
    granter.revoke(good)
