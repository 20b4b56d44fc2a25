"""A network namespace, and a core for each side, if the machine allows it."""

import os
import pathlib
import shlex
import shutil
import subprocess
import sys

CONTROL = pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control")
INSIDE = "BENCH_NETWORK"


def enter():
    """Continues in a network namespace with TCP reno: others, such as bbr, pace the loopback interface."""
    if INSIDE in os.environ:
        return os.environ[INSIDE]
    for flags in (["--net"], ["--net", "--map-root-user"]):
        inside = shlex.join([sys.executable, __file__])
        if shutil.which("unshare") and not subprocess.run(["unshare", *flags, "sh", "-c", inside],
                                                          stderr=subprocess.DEVNULL).returncode:
            os.environ[INSIDE] = "a network namespace of its own, with TCP reno"
            command = ["unshare", *flags, "sh", "-c", f'{inside} && exec "$0" "$@"', sys.executable, *sys.argv]
            os.execvp("unshare", command)
    control = CONTROL.read_text().strip() if CONTROL.exists() else "unknown"
    return f"the machine's loopback interface, with TCP {control}"


def prepare():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    CONTROL.write_text("reno\n")


def cores():
    """The prefixes of the commands of the server and of the clients, and their description."""
    if hasattr(os, "sched_getaffinity") and shutil.which("taskset"):
        server, *others = sorted(os.sched_getaffinity(0))
        if others:
            return ["taskset", "-c", str(server)], ["taskset", "-c", str(others[0])], "the server and the client have a core each"
    return [], [], "the server and the client run on any core"


if __name__ == "__main__":
    prepare()
