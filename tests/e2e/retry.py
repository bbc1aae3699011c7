# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a test again, visibly, if it failed while the emulator lost a guest (bench/emulator.py).

Each retry is a line `RETRIED test: why` of the output, which scripts/test counts.  Only the last
attempt is reported as the test's result; a test that failed for any other reason is never run again.
"""

from _pytest.runner import call_and_report

from bench import ATTEMPTS, explain


class Retry:
    """A pytest plugin; `losses` returns the names of all guests lost so far, in order."""

    def __init__(self, losses):
        self._losses = losses

    def pytest_runtest_protocol(self, item, nextitem):
        where = {"nodeid": item.nodeid, "location": item.location}
        item.ihook.pytest_runtest_logstart(**where)
        for number in range(1, ATTEMPTS + 1):
            reports, lost = self._attempt(item, nextitem, number == ATTEMPTS)
            if not lost or not any(report.failed for report in reports):
                break
            if number < ATTEMPTS:
                _say(item, f"RETRIED {item.name}: {explain(lost)}")
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(**where)
        return True

    def _attempt(self, item, nextitem, last):
        """The reports of one run of a test, and who was lost in its course."""
        before = len(self._losses())
        item._initrequest()
        reports = [call_and_report(item, "setup", log=False)]
        if reports[0].passed:
            reports.append(call_and_report(item, "call", log=False))
        # Where another attempt may follow, what is shared with other tests must stay.
        keep = bool(self._losses()[before:]) and not last
        reports.append(call_and_report(item, "teardown", log=False, nextitem=item.parent if keep else nextitem))
        if keep and not any(report.failed for report in reports):
            item.session._setupstate.teardown_exact(nextitem)
        item._request, item.funcargs = False, None
        return reports, self._losses()[before:]


def _say(item, text):
    reporter = item.config.pluginmanager.get_plugin("terminalreporter")
    if reporter:
        # A line of its own, also between the dots of a quiet run.
        reporter.write_line(text if not reporter._tw.width_of_current_line else f"\n{text}")
