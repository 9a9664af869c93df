"""What the contest ran on, and what else ran there."""
import os
import pathlib
import platform
import time


def cpu_name():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def has_feature(name):
    flags = next((line for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")), "")
    return name in flags.split()


def busy_seconds():
    """CPU seconds of the machine so far, all CPUs; those that a hypervisor took away count."""
    fields = [int(field) for field in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    idle = fields[3] + fields[4]
    return (sum(fields) - idle) / os.sysconf("SC_CLK_TCK")


class OtherLoad:
    """CPUs that others kept busy between two moments, on average: the whole machine's time less that of our processes."""

    def __init__(self, workers):
        self.workers = workers
        self.start, self.begin = time.monotonic(), self.others()

    def others(self):
        own = sum(os.times()[:2]) + sum(worker.cpu_seconds() for worker in self.workers)
        return busy_seconds() - own

    def cpus(self):
        return max(0.0, self.others() - self.begin) / max(1e-9, time.monotonic() - self.start)
