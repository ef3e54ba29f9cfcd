"""What the numbers depend on: the machine and the versions of what was compared."""
import os
import platform
import re
import subprocess

from .process import environment

PACKAGES = ("heaptrack", "libjemalloc2", "libgoogle-perftools4", "libunwind8", "libhiredis0.14",
            "redis-server", "libc6", "gcc", "python3", "perl")


def _first(path, pattern):
    try:
        with open(path) as stream:
            found = re.search(pattern, stream.read(), re.MULTILINE)
    except OSError:
        return None
    return found.group(1) if found else None


def _said(*command):
    """What a command said, whatever its status; None when there is none or it said nothing."""
    try:
        return subprocess.run(command, env=environment({}), capture_output=True, text=True,
                              check=False).stdout.strip() or None
    except OSError:
        return None


def versions():
    said = _said("dpkg-query", "-W", "-f", "${Package} ${Version}\n", *PACKAGES) or ""
    return dict(line.split(None, 1) for line in said.splitlines() if " " in line.strip())


def facts(session):
    return {
        "cpu_model": _first("/proc/cpuinfo", r"^model name\s*: (.*)$"),
        "cpu_governor": _first("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", r"(.*)"),
        "cores_count": os.cpu_count(),
        "cores_used": session.cores,
        "memory_bytes": int(_first("/proc/meminfo", r"^MemTotal:\s+(\d+)") or 0) * 1024,
        "kernel": platform.release(),
        "system": _first("/etc/os-release", r'^PRETTY_NAME="(.*)"'),
        "scratch_filesystem": _said("stat", "-f", "-c", "%T", session.scratch),
        "load_average": os.getloadavg()[0],
        "revision": _said("git", "-C", session.build, "describe", "--always", "--dirty"),
    }
