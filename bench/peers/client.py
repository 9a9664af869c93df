"""The contest's end of a contender's process (worker.py)."""
import json
import os
import pathlib
import select
import signal
import subprocess
import sys
import tempfile
import time

BENCH = pathlib.Path(__file__).parents[1]


class WorkerFailed(RuntimeError):
    pass


class Worker:
    """A process that is stopped, by SIGSTOP, except while it answers: threads that spin disturb nobody."""

    def __init__(self, peer, cpus, environment=None, path=()):
        self.peer = peer
        self.log = tempfile.TemporaryFile("w+")
        threads = str(len(cpus))
        python_path = os.pathsep.join([*map(str, path), str(BENCH), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "PYTHONPATH": python_path, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads,
                       "NPROC": threads, **(environment or {})}  # fmt: skip
        # A process group of its own: what it started, compilers perhaps, is stopped and ended with it.
        self.process = subprocess.Popen([sys.executable, "-m", "peers.worker", peer], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.log, env=environment, text=True,
                                        process_group=0, preexec_fn=lambda: os.sched_setaffinity(0, cpus))  # fmt: skip
        self._signal(signal.SIGSTOP)

    def _signal(self, number):
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass

    def _last_words(self):
        self.log.seek(0)
        return "\n".join(self.log.read().strip().splitlines()[-12:])

    def ask(self, do, limit_s=600, **arguments):
        """The answer. WorkerFailed, and the end of the process, where it dies, answers nothing in time, or nonsense."""
        self._signal(signal.SIGCONT)
        try:
            self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self.process.stdin.flush()
            end, line = time.monotonic() + limit_s, ""
            if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise WorkerFailed(f"{self.peer}: no answer to '{do}' in {limit_s} s")
            line = self.process.stdout.readline()
            if not line:
                raise WorkerFailed(f"{self.peer} died at '{do}', exit code {self.process.wait()}\n{self._last_words()}")
            return json.loads(line)
        except (BrokenPipeError, json.JSONDecodeError) as error:
            raise WorkerFailed(f"{self.peer}: {error}\n{self._last_words()}") from None
        finally:
            self._signal(signal.SIGSTOP)

    def cpu_seconds(self):
        """User and system time so far, of all threads."""
        try:
            fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        except FileNotFoundError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self):
        self._signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.log.close()
