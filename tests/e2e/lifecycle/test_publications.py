# SPDX-License-Identifier: GPL-2.0-or-later
"""What a guest does with publications that are wrong, and with a backend that disappears."""

import pytest

from scenario import EDU_ID, wait_until
from product import Agent, node

# (node of the backend directory, value or None to remove it); @REF is the reference that was granted.
MALFORMED = [
    ("refs", ""), ("refs", "0"), ("refs", "7"), ("refs", "-1"), ("refs", "@REF,"), ("refs", ",@REF"),
    ("refs", "@REF-"), ("refs", "@REF-@REF,@REF"), ("refs", "@REF:9"), ("refs", " @REF"), ("refs", "0x@REF"),
    ("refs", "4294967296"), ("refs", "18446744073709551617"), ("refs", "9-8"), ("refs", "8-4294967295"),
    ("refs", "@REF,@REF"), ("refs", "a"), ("refs", "1," * 600 + "1"), ("refs", None),
    ("refs", "65000"),                                              # well-formed, but nobody's
    ("nr-pages", "0"), ("nr-pages", "2"), ("nr-pages", "-1"), ("nr-pages", "4294967297"), ("nr-pages", "01"),
    ("nr-pages", "1 "), ("nr-pages", "1048576"), ("nr-pages", ""), ("nr-pages", None),
    ("page-size", "0"), ("page-size", "4095"), ("page-size", "8192"), ("page-size", "0x1000"), ("page-size", None),
    ("method", "domctl"), ("method", "Grant"), ("method", "grant "), ("method", ""), ("method", None),
    ("mode", "ro"), ("mode", "rwx"), ("mode", ""), ("mode", None),
    ("cache", "wb"), ("cache", "UC"), ("cache", ""), ("cache", None),
    ("protocol", "0"), ("protocol", "2"), ("protocol", "11"), ("protocol", ","), ("protocol", ""), ("protocol", None),
    ("protocol", "2," * 40),
    ("label", "-x"), ("label", "a/b"), ("label", "../x"), ("label", "a" * 64), ("label", ""), ("label", "a b"),
    ("uuid", "x"), ("uuid", "00000000-0000-0000-0000-00000000000"), ("uuid", ""),
]


@pytest.fixture
def offer(bench, guest, granter):
    """One good grant; whatever a test makes of its publication, it is withdrawn in the end."""
    (grant,) = granter.json(f"grant {guest.name} {bench.edu}/0@0+4K --label=good")["grants"]
    grant["backend"] = f"/local/domain/0/backend/iomem/{guest.domid}/{grant['id']}"
    grant["frontend"] = f"/local/domain/{guest.domid}/device/iomem/{grant['id']}"
    yield grant
    granter.run(f"revoke {grant['id']} --ignore-missing").check()


class Publication:
    """Both directories of one grant, to be written by hand."""

    def __init__(self, bench, grant):
        self.bench, self.backend, self.frontend = bench, grant["backend"], grant["frontend"]

    def read(self, key, side="frontend"):
        result = self.bench.dom0(f"xenstore-read {getattr(self, side)}/{key}")
        return None if result.rc else result.out.rstrip("\n")

    def write(self, key, value):
        path = f"{self.backend}/{key}"
        self.bench.dom0(f"xenstore-rm {path}" if value is None else f"xenstore-write -- {path} '{value}'").check()

    def state(self, value, expected):
        self.write("state", value)
        wait_until(f"frontend state {expected}", lambda: self.read("state") == expected, 30)


def test_every_malformed_field_is_refused_and_harms_nobody(bench, guest, offer):
    """One guest sees them all, one after the other; the good publication still works in the end."""
    publication = Publication(bench, offer)
    good = {key: publication.read(key, "backend") for key, _ in MALFORMED}
    accepted = []
    for key, value in MALFORMED:
        publication.state("5", "6")
        assert guest.run(f"test -e {node(offer)}").rc == 1
        publication.bench.dom0(f"xenstore-rm {publication.frontend}/error 2>/dev/null")
        written = value and value.replace("@REF", good["refs"])
        publication.write(key, written)
        publication.write("state", "4")
        wait_until(f"an answer to {key} = {value}",
                   lambda: publication.read("error") is not None or publication.read("state") == "4", 30)
        if publication.read("state") == "4":
            accepted.append((key, value))
        else:
            text = publication.read("error")
            name, _, sentence = text.partition(" ")
            assert name.startswith("E") and name.isupper() and sentence and len(text) <= 200, text
            assert guest.run(f"test -e {node(offer)}").rc == 1
        publication.write(key, good[key])
    assert accepted == []
    publication.state("5", "6")
    publication.state("4", "4")
    assert Agent(guest).read(offer, 0) == EDU_ID


def test_a_label_and_a_uuid_may_be_missing(bench, guest, offer):
    publication = Publication(bench, offer)
    publication.state("5", "6")
    publication.write("label", None)
    publication.write("uuid", None)
    publication.state("4", "4")
    assert Agent(guest).read(offer, 0) == EDU_ID


@pytest.mark.parametrize("state", ["5", "6", "0", "7", "99", "x", ""])
def test_any_state_but_connected_means_let_go(bench, guest, offer, state):
    publication = Publication(bench, offer)
    program = guest.start(f"iomem-probe hold {node(offer)} 4096")
    program.wait_for_output("mapped")
    publication.write("state", state)
    assert program.wait() == 0 and program.output() == "mapped\nSIGBUS\n"
    wait_until("the guest says so", lambda: publication.read("state") == "6", 30)
    publication.state("4", "4")
    assert Agent(guest).read(offer, 0) == EDU_ID


def test_a_backend_that_disappears_takes_the_mapping_with_it(bench, guest, granter, offer):
    program = guest.start(f"iomem-probe hold {node(offer)} 4096")
    program.wait_for_output("mapped")
    bench.dom0(f"xenstore-rm {offer['backend']}").check()
    assert program.wait() == 0 and program.output() == "mapped\nSIGBUS\n"
    assert guest.run(f"test -e {node(offer)}").rc == 1
    # Xen, not XenStore, says what is granted: the list still has it, and one command ends it.
    (entry,) = granter.list()
    assert entry["id"] == offer["id"] and entry["mapped_pages"] == 0, entry
    granter.revoke(offer)
    assert granter.list() == []


def test_a_frontend_that_disappears_leaves_nothing_mapped(bench, guest, granter, offer):
    bench.dom0(f"xenstore-rm {offer['frontend']}").check()
    wait_until("nothing is mapped", lambda: granter.list()[0]["mapped_pages"] == 0)
    assert guest.run(f"test -e {node(offer)}").rc == 1
    granter.revoke(offer)
    assert granter.list() == []
    # A write by the guest afterwards would have made the directory anew.
    assert bench.dom0(f"xenstore-exists {offer['frontend']}").rc != 0
