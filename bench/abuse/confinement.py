"""The place that the server gets: memory and processor time, limited by the kernel's control groups or only measured."""

import os
import pathlib
import threading
import time
from dataclasses import dataclass

V1_MEMORY = pathlib.Path("/sys/fs/cgroup/memory")
V1_CPU = pathlib.Path("/sys/fs/cgroup/cpu")
V2_ROOT = pathlib.Path("/sys/fs/cgroup")
V2_HYBRID = pathlib.Path("/sys/fs/cgroup/unified")
PERIOD_MICROSECONDS = 100_000
SAMPLE_SECONDS = 0.1
# What else runs on the machine should not take the server's core, nor the honest clients' time.
V1_CPU_SHARES, V2_CPU_WEIGHT, NICENESS = 10 * 1024, 1000, -10
# Above that of the process that made it.
ATTACKER_NICENESS = 20
# High enough that the kernel counts the memory of sockets without ever limiting it.
COUNT_ONLY_BYTES = 1 << 40


@dataclass
class MemoryUse:
    """Peaks since the last `forget_peaks`, in bytes; None where the kernel does not say."""

    resident: int = 0
    """Of all processes, sampled: what the page cache does not hold and cannot be dropped."""
    charged: int | None = None
    """All that counts against the limit, page cache too, which is dropped before anybody is killed."""
    sockets: int | None = None
    """Buffers of sockets in the kernel (cgroup v2 counts them against the limit, v1 apart)."""
    refused: int = 0
    """How often the limit was met. With page cache this happens without harm."""
    killed: int = 0
    """How many processes the kernel killed for memory."""


class Confinement:
    """Where the server runs. `enter` is called in the new process before it becomes the server."""

    kind = "no limit: RSS is polled"
    limited = False

    def __init__(self, memory_bytes: int) -> None:
        self.memory_bytes = memory_bytes
        self._process: int | None = None
        self._use = MemoryUse()
        self._ended = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)
        self._sampler.start()

    def enter(self) -> None:
        """Nothing limits this process."""

    def enter_as_attacker(self) -> None:
        """This process, with its threads, weighs less than honest clients."""
        os.nice(ATTACKER_NICENESS)

    def watch(self, process: int) -> None:
        self._process = process

    def start_anew(self) -> None:
        """Between servers: no page cache of the last one, no process to watch."""
        self._process = None
        self.forget_peaks()

    def forget_peaks(self) -> None:
        self._use = MemoryUse()

    def use(self) -> MemoryUse:
        self._look()
        return self._use

    def close(self) -> None:
        self._ended.set()
        self._sampler.join()

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLE_SECONDS):
            self._look()

    def _look(self) -> None:
        if self._process is not None:
            self._use.resident = max(self._use.resident, resident_bytes(self._process))


class _ControlGroup(Confinement):
    limited = True

    def __init__(self, memory_bytes: int, cores: float, directories: list[pathlib.Path], attackers: pathlib.Path) -> None:
        self._directories, self._attackers = directories, attackers
        self._refused_before = self._killed_before = 0
        for directory in [*directories, attackers]:
            directory.mkdir(exist_ok=True)
        self._set_limits(memory_bytes, cores)
        super().__init__(memory_bytes)
        self.forget_peaks()

    def _set_limits(self, memory_bytes: int, cores: float) -> None:
        raise NotImplementedError

    def enter(self) -> None:
        for directory in self._directories:
            (directory / "cgroup.procs").write_text(str(os.getpid()))

    def enter_as_attacker(self) -> None:
        """All attackers together weigh as one process, however many they are: it is the server that they shall occupy."""
        (self._attackers / "cgroup.procs").write_text(str(os.getpid()))
        os.nice(ATTACKER_NICENESS // 2)

    def close(self) -> None:
        super().close()
        for directory in [*self._directories, self._attackers]:
            for _ in range(50):
                try:
                    directory.rmdir()
                    break
                except OSError:
                    time.sleep(0.1)


class ControlGroupV1(_ControlGroup):
    kind = "cgroup v1"

    def __init__(self, name: str, memory_bytes: int, cores: float) -> None:
        self._memory, self._cpu = V1_MEMORY / name, V1_CPU / name
        super().__init__(memory_bytes, cores, [self._memory, self._cpu], V1_CPU / f"{name}-attackers")

    def _set_limits(self, memory_bytes: int, cores: float) -> None:
        (self._memory / "memory.limit_in_bytes").write_text(str(memory_bytes))
        (self._cpu / "cpu.cfs_period_us").write_text(str(PERIOD_MICROSECONDS))
        (self._cpu / "cpu.cfs_quota_us").write_text(str(int(PERIOD_MICROSECONDS * cores)))
        (self._cpu / "cpu.shares").write_text(str(V1_CPU_SHARES))
        try:
            (self._memory / "memory.kmem.tcp.limit_in_bytes").write_text(str(COUNT_ONLY_BYTES))
        except OSError:
            pass

    def start_anew(self) -> None:
        try:
            (self._memory / "memory.force_empty").write_text("0")
        except OSError:
            pass
        super().start_anew()

    def forget_peaks(self) -> None:
        (self._memory / "memory.max_usage_in_bytes").write_text("0")
        try:
            (self._memory / "memory.kmem.tcp.max_usage_in_bytes").write_text("0")
        except OSError:
            pass
        self._refused_before = _number(self._memory / "memory.failcnt") or 0
        self._killed_before = _fields(self._memory / "memory.oom_control").get("oom_kill", 0)
        super().forget_peaks()

    def use(self) -> MemoryUse:
        used = super().use()
        used.charged = _number(self._memory / "memory.max_usage_in_bytes")
        used.sockets = _number(self._memory / "memory.kmem.tcp.max_usage_in_bytes")
        used.refused = (_number(self._memory / "memory.failcnt") or 0) - self._refused_before
        used.killed = _fields(self._memory / "memory.oom_control").get("oom_kill", 0) - self._killed_before
        return used

    def _look(self) -> None:
        self._use.resident = max(self._use.resident, _fields(self._memory / "memory.stat").get("total_rss", 0))


class ControlGroupV2(_ControlGroup):
    kind = "cgroup v2"

    def __init__(self, root: pathlib.Path, name: str, memory_bytes: int, cores: float) -> None:
        self._root, self._group = root, root / name
        super().__init__(memory_bytes, cores, [self._group], root / f"{name}-attackers")

    def _set_limits(self, memory_bytes: int, cores: float) -> None:
        try:
            (self._root / "cgroup.subtree_control").write_text("+memory +cpu")
        except OSError:
            pass
        (self._group / "memory.max").write_text(str(memory_bytes))
        (self._group / "cpu.max").write_text(f"{int(PERIOD_MICROSECONDS * cores)} {PERIOD_MICROSECONDS}")
        (self._group / "cpu.weight").write_text(str(V2_CPU_WEIGHT))
        try:
            (self._group / "memory.swap.max").write_text("0")
        except OSError:
            pass

    def start_anew(self) -> None:
        try:
            (self._group / "memory.reclaim").write_text(str(self.memory_bytes))
        except OSError:
            pass
        super().start_anew()

    def forget_peaks(self) -> None:
        events = _fields(self._group / "memory.events")
        self._refused_before, self._killed_before = events.get("max", 0), events.get("oom_kill", 0)
        super().forget_peaks()

    def use(self) -> MemoryUse:
        used = super().use()
        events = _fields(self._group / "memory.events")
        used.refused = events.get("max", 0) - self._refused_before
        used.killed = events.get("oom_kill", 0) - self._killed_before
        return used

    def _look(self) -> None:
        fields = _fields(self._group / "memory.stat")
        use = self._use
        use.resident = max(use.resident, fields.get("anon", 0))
        use.sockets = max(use.sockets or 0, fields.get("sock", 0))
        # memory.peak cannot be set back on older kernels, so the present value is sampled.
        use.charged = max(use.charged or 0, _number(self._group / "memory.current") or 0)


def confinement(memory_bytes: int, cores: float, limits_wanted: bool = True) -> Confinement:
    """The strictest that this machine and this user can have."""
    if not limits_wanted or os.geteuid() != 0:
        return Confinement(memory_bytes)
    name = f"rws-abuse-{os.getpid()}"
    try:
        if (V1_MEMORY / "memory.limit_in_bytes").exists():
            return ControlGroupV1(name, memory_bytes, cores)
        for root in (V2_ROOT, V2_HYBRID):
            if "memory" in _text(root / "cgroup.controllers").split():
                return ControlGroupV2(root, name, memory_bytes, cores)
    except OSError as error:
        print(f"no control group: {error}")
    return Confinement(memory_bytes)


def resident_bytes(process: int) -> int:
    for line in _text(pathlib.Path(f"/proc/{process}/status")).splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def come_first() -> None:
    """This process goes before others, where it may."""
    try:
        os.nice(NICENESS)
    except OSError:
        pass


def run_on(core: int, process: int = 0) -> None:
    """Pins a process to a core, where the machine has more than one."""
    cores = sorted(os.sched_getaffinity(process))
    if len(os.sched_getaffinity(0)) > 1 or core in cores:
        try:
            os.sched_setaffinity(process, {core})
        except OSError:
            pass


def _text(path: pathlib.Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _number(path: pathlib.Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdigit() else None


def _fields(path: pathlib.Path) -> dict[str, int]:
    """Lines of a name and a number."""
    lines = (line.split() for line in _text(path).splitlines())
    return {line[0]: int(line[1]) for line in lines if len(line) == 2 and line[1].isdigit()}
