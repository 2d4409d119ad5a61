"""Starts nodes quickly: a process that has loaded the program and forks `huifang node` on demand.

Two hundred starts would otherwise be two hundred times four seconds of imports. One line a command, one line an answer:
``start CONFIG LOG`` gives the pid, ``wait PID`` the exit code (the negated signal when it was killed).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import NoReturn

from huifang.__main__ import main
from huifang.commands import run  # noqa: F401 - the node's libraries, loaded once


def serve(lines: Iterable[str]) -> None:
    for line in lines:
        command, *arguments = line.split()
        answer = _start(*arguments) if command == "start" else _wait(int(arguments[0]))
        print(answer, flush=True)


def _start(config: str, log: str) -> int:
    pid = os.fork()
    if pid == 0:
        _node(config, log)
    return pid


def _wait(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _node(config: str, log: str) -> NoReturn:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, nothing), (1, descriptor), (2, descriptor)):
        os.dup2(source, target)
    sys.argv = ["huifang", "--config", config, "node"]
    code = 0
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException as error:  # noqa: BLE001 - the child's last words
        print(f"node failed: {error!r}", file=sys.stderr, flush=True)
        code = 70
    os._exit(code)


if __name__ == "__main__":
    serve(sys.stdin)
