"""Run a command where no network but loopback is: `python alone.py pytest ...`.

A network namespace of its own proves it, whatever the command starts. Where the kernel does not let an ordinary user
make one, the command runs with a proxy that is a closed port, and a line says that this is the weaker proof. Either
way `ALONE` in its environment says which: `namespace` or `proxy`.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys

SIOCSIFFLAGS = 0x8914
IFF_UP = 0x1
INSIDE = "--inside"


def loopback_up() -> None:
    """Switch the loopback interface on, which is off in a new namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        fcntl.ioctl(wire, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def closed_port() -> int:
    """A port of this machine where nobody listens."""
    with socket.socket() as wire:
        wire.bind(("127.0.0.1", 0))
        return int(wire.getsockname()[1])


def main(words: list[str]) -> None:
    """Become the command."""
    if words[0] == INSIDE:
        loopback_up()
        os.execvpe(words[1], words[1:], {**os.environ, "ALONE": "namespace"})  # noqa: S606
    apart = ["unshare", "--net", "--map-root-user"]
    possible = shutil.which("unshare") and subprocess.run([*apart, "true"], check=False, capture_output=True)  # noqa: S603
    if possible and possible.returncode == 0:
        os.execvp(apart[0], [*apart, sys.executable, __file__, INSIDE, *words])  # noqa: S606
    print("alone.py: no network namespace here: a closed proxy instead", file=sys.stderr)  # noqa: T201
    proxy = f"http://127.0.0.1:{closed_port()}"
    names = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    env = {**os.environ, **dict.fromkeys(names, proxy), "no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"}
    os.execvpe(words[0], words, {**env, "ALONE": "proxy"})  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
