# SPDX-License-Identifier: GPL-2.0-or-later
"""Running commands at the far end of a byte stream.  The other half is agent.c."""

import base64
import socket
import threading
import time
from dataclasses import dataclass

from .errors import BenchError, CommandTimeout


@dataclass
class Result:
    """How a command ended: standard output, standard error, exit status."""

    out: str
    err: str
    rc: int
    command: str = ""

    @property
    def text(self):
        return self.out + self.err

    def check(self):
        """This result, if the command succeeded."""
        if self.rc:
            raise AssertionError(f"exit status {self.rc} from: {self.command}\n{self.text}")
        return self


class Channel:
    """One agent.  Runs one command at a time; use several for several at once."""

    def __init__(self, path, name, alive, sequence=0):
        self.name = name
        self._alive = alive          # raises HostDied when the host is gone
        self._lock = threading.Lock()
        self._sequence = sequence    # of the last command that this agent has seen
        self._buffer = b""
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._socket.settimeout(0.05)

    def close(self):
        """End it; the result lets a later channel to the same agent go on counting."""
        self._socket.close()
        return self._sequence

    def flush(self):
        """Forget what an earlier user of this stream left behind."""
        self._buffer = b""
        try:
            while self._socket.recv(65536):
                pass
        except (TimeoutError, BlockingIOError):
            pass

    def run(self, command, timeout=120):
        with self._lock:
            self._sequence += 1
            sequence = self._sequence
            self._send(b"> %d %g %s\n" % (sequence, timeout, base64.b64encode(command.encode())))
            deadline = time.monotonic() + timeout + 5
            for attempt in range(3):
                if attempt:
                    self._send(b"? %d\n" % sequence)
                result = self._collect(sequence, deadline, command)
                if result:
                    return result
            raise BenchError(f"{self.name}: answer damaged three times: {command}")

    def wait_ready(self, timeout):
        deadline = time.monotonic() + timeout
        while True:
            self._sequence += 1
            try:
                self._send(b"\n> %d 5 %s\n" % (self._sequence, base64.b64encode(b"true")))
                if self._collect(self._sequence, min(deadline, time.monotonic() + 2), "true"):
                    return
            except CommandTimeout:
                if time.monotonic() > deadline:
                    raise CommandTimeout(f"{self.name}: not there after {timeout} s") from None

    def _send(self, data):
        self._socket.settimeout(10)
        try:
            self._socket.sendall(data)
        except TimeoutError as error:
            self._alive()
            raise CommandTimeout(f"{self.name}: no process reads its console") from error
        except OSError as error:
            self._alive()
            raise BenchError(f"{self.name}: {error}") from error
        finally:
            self._socket.settimeout(0.05)

    def _lines(self, deadline, command):
        while True:
            while b"\n" in self._buffer:
                line, self._buffer = self._buffer.split(b"\n", 1)
                yield line
            self._alive()
            if time.monotonic() > deadline:
                raise CommandTimeout(f"{self.name}: no answer in time: {command}")
            try:
                data = self._socket.recv(65536)
            except (TimeoutError, BlockingIOError):
                continue
            except OSError:
                data = b""
            if not data:
                time.sleep(0.1)     # QEMU may be on its way out: its last words say why
                self._alive()
                raise BenchError(f"{self.name}: connection closed: {command}")
            self._buffer += data

    def _collect(self, sequence, deadline, command):
        """The result of command number `sequence`; None if a piece came damaged."""
        streams = {b"o": b"", b"e": b""}
        pieces = 0
        for line in self._lines(deadline, command):
            words = line.replace(b"\r", b"").split()
            if len(words) < 5 or words[-5 if len(words) > 5 else 0] != b"<":
                if len(words) < 5:
                    continue
                words = words[-5:]
                if words[0] != b"<":
                    continue
            if len(words) > 5:
                words = words[-5:]
            _, number, kind, first, second = words
            if number != b"%d" % sequence:
                continue
            if kind == b"x":
                if pieces != int(second):
                    return None
                return Result(streams[b"o"].decode(errors="replace"),
                              streams[b"e"].decode(errors="replace"), int(first), command)
            if kind in streams:
                try:
                    data = base64.b64decode(first, validate=True)
                    good = _checksum(data) == int(second)
                except ValueError:
                    good = False
                if good:
                    streams[kind] += data
                    pieces += 1
        return None


def _checksum(data):
    total = 0
    for byte in data:
        total = (total * 31 + byte) & 0xFFFF
    return total
