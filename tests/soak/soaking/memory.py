"""What a process has, from /proc: the shim's memory told apart from its host's.

The shim's private memory is marked to be wiped in children (MADV_WIPEONFORK): `wf` among the VmFlags of smaps. Beside it
there are the pages of libleakey.so itself, and the capture, a shared mapping of a file *.leakey. All else is the host's."""
import os
import re

HEADER = re.compile(r"^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \d+ *(.*)$")


class Gone(Exception):
    pass


def parse_smaps(text):
    """{"shim": KiB, "capture": KiB, "host": KiB of private memory, "mappings": count}"""
    found = {"shim": 0, "capture": 0, "host": 0, "mappings": 0}
    path, fields = "", {}
    for line in text.splitlines():
        header = HEADER.match(line)
        if header:
            path, fields = header.group(1), {}
            found["mappings"] += 1
            continue
        name, _, rest = line.partition(":")
        if name != "VmFlags":
            fields[name] = rest.split()[0]
            continue
        private = int(fields.get("Private_Dirty", 0)) + int(fields.get("Private_Clean", 0))
        if path.endswith(".leakey"):
            found["capture"] += int(fields["Rss"])
        elif "wf" in rest.split() or path.endswith("/libleakey.so"):
            found["shim"] += private
        else:
            found["host"] += private if path in ("", "[heap]") else 0
    return found


def look(pid):
    try:
        with open("/proc/%d/smaps" % pid) as stream:
            found = parse_smaps(stream.read())
        found["descriptors"] = len(os.listdir("/proc/%d/fd" % pid))
    except (OSError, KeyError) as error:
        raise Gone from error
    if not found["mappings"]:
        raise Gone
    return found


def file_size(directory):
    """(bytes, bytes on disk) of all captures in a directory."""
    sizes = [os.stat(os.path.join(directory, name)) for name in os.listdir(directory)
             if name.endswith(".leakey")]
    return sum(each.st_size for each in sizes), sum(each.st_blocks * 512 for each in sizes)
