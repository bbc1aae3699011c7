# SPDX-License-Identifier: GPL-2.0-or-later
"""The two commands under test, as tests want to call them."""

import json
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "schema"))
import schemas  # noqa: E402


def wait_until(true, limit=20):
    """Until `true()` is; what is wanted here makes no event that could be waited for."""
    deadline = time.monotonic() + limit
    while not true():
        assert time.monotonic() < deadline, f"not within {limit} s"
        time.sleep(0.2)


def answer(result):
    """The document that a program printed, which is as its schema says."""
    document = json.loads(result.out)
    schemas.validate(document)
    assert document["ok"] is (result.rc == 0), result.text
    return document


def checks(result):
    """The checks that a doctor printed as JSON, by name; its exit status says whether one of them is a problem."""
    document = answer(result)
    assert result.rc == (0 if document["ok"] else 9), result.text
    found = {check["name"]: check for check in document["checks"]}
    assert document["ok"] is all(check["ok"] for check in found.values()), found
    return found


def problems(result):
    """Those of its checks that found a problem."""
    return {name: check for name, check in checks(result).items() if check["verdict"] == "problem"}


class Refusal:
    """How a command that was refused ended."""

    def __init__(self, result):
        self.rc = result.rc
        self.text = result.err
        # Warnings may come first.
        found = re.search(r": error: .*\[([a-z-]+)\]$", result.err, re.M)
        self.slug = found and found[1]
        self.hint = "\nhint: " in f"\n{result.err}"

    def __repr__(self):
        return f"exit {self.rc}: {self.text}"


class Granter:
    """xen-iomemgrant in dom0."""

    def __init__(self, bench):
        self.bench = bench

    def run(self, arguments, timeout=120):
        return self.bench.dom0(f"xen-iomemgrant {arguments}", timeout)

    def json(self, arguments):
        return answer(self.run(f"--json {arguments}").check())

    def grant(self, guest, region, options=""):
        """Grant and return the grant's entry of the JSON answer; a busy machine needs more than 10 s to map."""
        if "wait" not in options:
            options += " --wait=60"
        document = self.json(f"grant {guest.name} {region} {options}")
        assert document["changed"] is True
        (grant,) = document["grants"]
        return grant

    def refused(self, arguments):
        """Run what must fail, and return how."""
        result = self.run(arguments)
        assert result.rc != 0, f"accepted: xen-iomemgrant {arguments}\n{result.text}"
        assert result.out == "", "an error belongs on stderr"
        return Refusal(result)

    def list(self):
        return self.json("list")["grants"]

    def revoke(self, *grants):
        ids = " ".join(str(grant["id"]) for grant in grants)
        return self.run(f"revoke {ids} --wait=60").check()

    def monitored(self):
        """The events that a monitor has written to /run/monitor.out so far."""
        events = [json.loads(line) for line in self.bench.dom0("cat /run/monitor.out").out.splitlines()]
        for event in events:
            schemas.validate(event)
        return events

    def references(self):
        """References and grants the module holds now."""
        return self.bench.dom0("iomem-probe info").check().out.strip()


class Agent:
    """xen-iomemagent in a guest."""

    def __init__(self, guest):
        self.guest = guest

    def run(self, arguments, timeout=120):
        return self.guest.run(f"xen-iomemagent {arguments}", timeout)

    def read(self, grant, offset, width=32):
        return int(self.run(f"read {grant['id']} {offset:#x} --width={width}").check().out, 16)

    def write(self, grant, offset, value, width=32):
        self.run(f"write {grant['id']} {offset:#x} {value:#x} --width={width} --yes").check()

    def json(self, arguments):
        return answer(self.run(f"--json {arguments}").check())

    def list(self):
        return self.json("list")["grants"]


def node(grant):
    """The guest's character device of a grant."""
    return f"/dev/xen/iomem/{grant['id']}"
