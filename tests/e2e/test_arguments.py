# SPDX-License-Identifier: GPL-2.0-or-later
"""Every wrong argument: one line with its slug, its exit status, and nothing changed."""

import json

import pytest

from product import wait_until

EDU = "0000:00:10.0"
SHM = "0000:00:11.0"

# arguments, exit status, slug
WRONG = [
    # what was typed
    ("grant GUEST 0000:00.10.0/0", 2, "bad-bdf"),
    ("grant GUEST 0000:00:10.9/0", 2, "bad-bdf"),
    (f"grant GUEST {EDU}/7", 2, "bad-bar"),
    (f"grant GUEST {EDU}", 2, "bad-region"),
    (f"grant GUEST {EDU}/0@0x100+4K", 2, "unaligned"),
    (f"grant GUEST {EDU}/0@0+100", 2, "unaligned"),
    (f"grant GUEST {EDU}/0@0+0", 2, "empty-range"),
    (f"grant GUEST {EDU}/0@1M+4K", 2, "range-past-end"),
    (f"grant GUEST {EDU}/0@0+2M", 2, "range-past-end"),
    (f"grant GUEST {EDU}/0@0xfffffffffffff000+8K", 2, None),
    (f"grant GUEST {EDU}/0@-4096", 2, None),
    (f"grant GUEST {EDU}/0@0+4K --cache=wb", 2, "cache-wb"),
    (f"grant GUEST {EDU}/0@0+4K --label=-x", 2, "bad-label"),
    (f"grant GUEST {EDU}/0@0+4K --label=a/b", 2, "bad-label"),
    (f"grant GUEST {EDU}/0@0+4K --allow=everything", 2, "bad-class"),
    (f"grant GUEST {EDU}/0@0+4K --frobnicate", 2, "usage"),
    ("grant GUEST", 2, "usage"),
    ("grant", 2, "usage"),
    ("frobnicate", 2, "usage"),
    (f"grant 0 {EDU}/0@0+4K", 2, "self-grant"),
    (f"grant uuid:xyz {EDU}/0@0+4K", 2, "bad-domain"),
    ("revoke id:x", 2, "bad-grant-id"),
    ("revoke label:-x", 2, "bad-label"),
    (f"grant GUEST {EDU}/0@0+4K --label=g17", 2, "bad-label"),
    ("revoke 4711 --wait 4712", 3, "no-grant"),
    ("grnat", 2, "usage"),
    ("list --timeout nan", 2, "usage"),
    (f"grant GUEST {EDU}/0@0+4K --allow=no-agent", 2, "bad-class"),
    # a variable of a script that is not set
    ('list --domain ""', 2, "usage"),
    ("list --device=", 2, "usage"),
    ('revoke --domain ""', 2, "usage"),
    (f'grant GUEST {EDU}/0@0+4K --label ""', 2, "usage"),
    (f'grant "" {EDU}/0@0+4K', 2, "bad-domain"),
    ('limits ""', 2, "bad-domain"),
    # what is not there
    (f"grant nobody {EDU}/0@0+4K", 3, "no-domain"),
    (f"grant 4711 {EDU}/0@0+4K", 3, "no-domain"),
    ("grant GUEST 0000:00:15.0/0", 3, "no-device"),
    (f"grant GUEST {EDU}/3@0+4K", 3, "no-bar"),
    (f"grant GUEST {SHM}/3@0+4K", 3, "bar-upper-half"),
    ("grant GUEST 0000:00:1f.2/4", 3, "bar-io"),
    ("revoke 4711", 3, "no-grant"),
    ("show 4711", 3, "no-grant"),
    ("revoke gx", 3, "no-grant"),
    ("wait typo --for gone", 3, "no-grant"),
    ("wait 4711 --for gone", 3, "no-grant"),
    # what is not granted
    (f"grant GUEST {EDU}/rom", 6, "bar-rom"),
    (f"grant GUEST {EDU}/0@0+4K --read-only", 9, "read-only-unsupported"),
]


@pytest.fixture
def unchanged(machine, bench, pv):
    """A guest; XenStore and the module are the same after the test as before it."""
    machine.wait_for_guests()
    before = bench.xenstore(), bench.dom0("iomem-probe info").out
    yield pv
    assert (bench.xenstore(), bench.dom0("iomem-probe info").out) == before


def complaints(status, slug, seen):
    """What is wrong with the answer to one wrong command line."""
    rc, out, err, listed = seen
    first, *hints = err.splitlines() or [""]
    if int(rc) != status:
        yield f"exit status {rc}, not {status}"
    if out or listed:
        yield f"printed '{out}', and list '{listed}'"
    if not first.startswith("xen-iomemgrant: error: ") or slug and not first.endswith(f" [{slug}]"):
        yield f"no error [{slug}]"
    if len(hints) > 1 or not all(line.startswith("hint: ") for line in hints):
        yield "more than a hint"


def test_wrong_arguments(bench, unchanged):
    # One command runs them all: what takes time is dom0's shell.
    end = "\036"
    script = "".join(f"xen-iomemgrant {arguments} >/run/out 2>/run/err; printf '%s\\036' $? \"$(cat /run/out)\""
                     ' "$(cat /run/err)" "$(xen-iomemgrant list --no-legend)"\n' for arguments, _, _ in WRONG)
    fields = bench.dom0(script.replace("GUEST", unchanged.name), timeout=300).out.split(end)[:-1]
    assert len(fields) == 4 * len(WRONG)
    wrong = [f"{arguments}: {complaint}: {fields[4 * i + 2]}" for i, (arguments, status, slug) in enumerate(WRONG)
             for complaint in complaints(status, slug, fields[4 * i:4 * i + 4])]
    assert wrong == []


def test_errors_are_json_too(bench, pv, unchanged):
    result = bench.dom0(f"xen-iomemgrant --json grant {unchanged.name} {EDU}/7")
    document = json.loads(result.out)
    assert result.rc == 2
    assert document["schema"] == "xen-iomemgrant/error/1" and document["ok"] is False
    assert document["error"]["code"] == "bad-bar" and document["error"]["exit"] == 2


def test_decoding_off_is_refused(bench, pv, unchanged):
    # Bit 1 of the command register; sysfs's `enable` leaves it on when it is switched off.
    def command(byte):
        bench.dom0(f"printf '\\{byte:03o}' | dd of=/sys/bus/pci/devices/{EDU}/config bs=1 seek=4 conv=notrunc 2>&1").check()

    command(0)
    try:
        result = bench.dom0(f"xen-iomemgrant grant {unchanged.name} {EDU}/0@0+4K")
        assert result.rc == 6 and "[decode-off]" in result.err, result.text
    finally:
        command(2)


def test_help_needs_nothing(bench):
    for arguments in ("--help", "grant --help", "version", "--version"):
        result = bench.dom0(f"mv /dev/xen /dev/xen.away; xen-iomemgrant {arguments}; rc=$?; mv /dev/xen.away /dev/xen; exit $rc")
        assert result.rc == 0 and result.out, result.text


def test_each_missing_layer_has_its_own_message(bench, pv, unchanged):
    grant = f"xen-iomemgrant grant {unchanged.name} {EDU}/0@0+4K"
    result = bench.dom0(f"mv /dev/xen/iomemgrant /dev/away; {grant}; rc=$?; mv /dev/away /dev/xen/iomemgrant; exit $rc")
    assert result.rc == 9 and "[no-module]" in result.err, result.text
    result = unchanged.run(f"xen-iomemgrant grant x {EDU}/0@0+4K")
    assert result.rc == 9 and "[not-dom0]" in result.err, result.text


def test_an_unset_variable_revokes_nothing(bench, pv, granter):
    grant = granter.grant(pv, f"{EDU}/0@0+4K")
    bench.dom0('xen-iomemgrant -q list --domain "$NOT_SET" | xargs xen-iomemgrant revoke')
    assert [g["id"] for g in granter.list()] == [grant["id"]]
    granter.revoke(grant)


@pytest.mark.parametrize("arguments", ["list", "--json list", "version", "--help"])
def test_an_answer_that_does_not_arrive_is_an_error(bench, pv, arguments):
    for run, program in ((bench.dom0, "xen-iomemgrant"), (pv.run, "xen-iomemagent")):
        result = run(f"{program} {arguments} >/dev/full")
        assert result.rc == 1 and "[io-error]" in result.err, result.text


def test_a_reader_that_leaves_cuts_nothing_off(bench, pv, granter):
    bench.dom0(f"xen-iomemgrant -v grant {pv.name} {EDU}/0@0+4K --wait=60 2>&1 | head -n 1")
    (grant,) = granter.list()
    assert (grant["state"], grant["mapped_pages"]) == ("mapped", 1)
    granter.revoke(grant)


def test_a_monitor_without_a_reader_ends(bench, pv, granter):
    bench.dom0("((xen-iomemgrant monitor 2>/run/monitor.err; echo $? >/run/monitor.rc) | true) >/dev/null 2>&1 &").check()
    # The first thing it has to tell is the one it cannot.
    granter.revoke(granter.grant(pv, f"{EDU}/0@0+4K"))
    wait_until(lambda: bench.dom0("grep . /run/monitor.rc").rc == 0, 30)
    result = bench.dom0("cat /run/monitor.rc /run/monitor.err; rm /run/monitor.rc /run/monitor.err")
    assert result.out.startswith("1\n") and "[io-error]" in result.out, result.text


@pytest.mark.parametrize("signal", ["HUP", "INT", "TERM"])
def test_a_signal_is_noticed(bench, pv, granter, signal):
    grant = granter.grant(pv, f"{EDU}/0@0+4K")
    result = bench.dom0(f"xen-iomemgrant wait {grant['id']} --for=gone --timeout=60 & pid=$!;"
                        f"usleep 1000000; kill -{signal} $pid; wait $pid")
    assert result.rc == 130 and "[interrupted]" in result.err, result.text
    granter.revoke(grant)


@pytest.mark.parametrize("program", ["xen-iomemgrant list", "xen-iomemgrantd --once"])
def test_signals_end_what_xenstored_keeps_waiting(bench, granter, program):
    # The second is for the command, which would end by itself a second after the first; the service does not need it.
    result = bench.dom0(f"kill -STOP $(pidof xenstored); usleep 100000; {program} >/dev/null 2>&1 & pid=$!; usleep 1000000;"
                        "kill -TERM $pid; usleep 400000; kill -TERM $pid; usleep 1000000; kill -KILL $pid;"
                        "wait $pid; rc=$?; kill -CONT $(pidof xenstored); exit $rc")
    assert result.rc == 143, result.text
