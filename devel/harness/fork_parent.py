"""``python -m harness.fork_parent SOCKET``: has imported the operator, and forks one for each connection to the socket.

Importing takes an operator more processor time than all the rest of its start. A request is one line of JSON with the
operator's ``arguments``, ``environment`` and ``log``; the answers are lines, too: its process id, and in the end its
exit code, negative when it was ended by a signal.
"""

import ctypes
import json
import os
import selectors
import signal
import socket
import sys
from dataclasses import dataclass, field
from typing import Any

import kubernetes.aio.client  # noqa: F401 - what an operator imports once it connects

import kotsapp.cli
import kotsapp.cli.arguments.run
import kotsapp.cli.run
import kotsapp.handlers

_SET_PARENT_DEATH_SIGNAL = 1
_PAGE = 4096


@dataclass(slots=True)
class _Parent:
    listener: socket.socket
    children: dict[int, socket.socket] = field(default_factory=dict)

    def serve(self) -> None:
        """Until the process is ended, and with it what was forked."""
        woken, wake = socket.socketpair()
        for end in (woken, wake):
            end.setblocking(False)
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        with selectors.DefaultSelector() as selector:
            selector.register(self.listener, selectors.EVENT_READ)
            selector.register(woken, selectors.EVENT_READ)
            while True:
                ready = [key.fileobj for key, _ in selector.select()]
                if woken in ready:
                    woken.recv(_PAGE)
                    self._reap()
                if self.listener in ready:
                    self._fork(self.listener.accept()[0])

    def _fork(self, asked: socket.socket) -> None:
        with asked.makefile("r") as lines:
            request = json.loads(lines.readline())
        pid = os.fork()
        if pid == 0:
            self.listener.close()
            for connection in (asked, *self.children.values()):
                connection.close()
            _become_operator(request)
        self.children[pid] = asked
        asked.sendall(f"{pid}\n".encode())

    def _reap(self) -> None:
        while self.children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            with self.children.pop(pid) as asked:
                asked.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _become_operator(request: dict[str, Any]) -> None:
    """As if it had been started with these arguments and this environment. Never returns."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # It ends with who forked it, however that ends.
    ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    log = os.open(request["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    os.close(log)
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.exit(kotsapp.cli.main(request["arguments"]))


def main(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        _Parent(listener).serve()


if __name__ == "__main__":
    main(sys.argv[1])
