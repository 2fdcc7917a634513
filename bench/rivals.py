"""What the usual tools need for the same work: a first index of many packages, then one new package beside them."""

import json
import pathlib
import shutil
import tempfile

import counters
import packages

ARGUMENTS_AT_ONCE = 5000


class Tool:
    """A tool in a directory of its own, where `tree` has the packages. `full` and `more` return commands."""

    environment = None

    def __init__(self, directory):
        self.directory, self.tree = directory, directory / "tree"

    def prepare(self):
        pass

    def full(self, paths):
        raise NotImplementedError

    def after_full(self):
        """What is not measured: steps between."""
        return []

    def more(self, path):
        raise NotImplementedError


class Createrepo(Tool):
    """Writes and compresses primary, filelists and other; no signature."""

    kind, program, label = "rpm", "createrepo_c", "createrepo_c --update"

    def full(self, paths):
        return [["createrepo_c", "--quiet", "tree"]]

    def more(self, path):
        shutil.copy2(path, self.tree)
        return [["createrepo_c", "--quiet", "--update", "tree"]]


class AptFtparchive(Tool):
    """Writes Packages, from its database after the first time; no compression, no Release, no signature."""

    kind, program, label = "deb", "apt-ftparchive", "apt-ftparchive --db"

    def full(self, paths):
        return [["apt-ftparchive", "packages", "tree"]]

    def after_full(self):
        return [["apt-ftparchive", "--db", "cache.db", "packages", "tree"]]

    def more(self, path):
        shutil.copy2(path, self.tree)
        return self.after_full()


class Reprepro(Tool):
    """Keeps a pool of its own; writes Packages, Packages.gz and Release; not signed."""

    kind, program, label = "deb", "reprepro", "reprepro includedeb"
    # Signing needs a key ring; a signature of one small file would not show.
    DISTRIBUTION = "Codename: bench\nArchitectures: amd64\nComponents: main\n"

    def prepare(self):
        (self.directory / "conf").mkdir()
        (self.directory / "conf/distributions").write_text(self.DISTRIBUTION)

    def full(self, paths):
        include = ["reprepro", "--silent", "--export=never", "includedeb", "bench"]
        names = [f"tree/{path.name}" for path in paths]
        groups = [names[at : at + ARGUMENTS_AT_ONCE] for at in range(0, len(names), ARGUMENTS_AT_ONCE)]
        return [*(include + group for group in groups), ["reprepro", "--silent", "export", "bench"]]

    def more(self, path):
        return [["reprepro", "--silent", "includedeb", "bench", str(path)]]


class Aptly(Tool):
    """Keeps a pool of its own; writes Packages, Packages.gz and Release; no Contents, no bzip2, not signed."""

    kind, program, label = "deb", "aptly", "aptly add, publish update"
    COMMAND = ["aptly", "-config=aptly.conf"]
    LESS = ["-skip-signing", "-skip-contents", "-skip-bz2"]

    def prepare(self):
        (self.directory / "aptly.conf").write_text(json.dumps({"rootDir": str(self.directory / "aptly"), "architectures": ["amd64"]}))
        counters.watched([*self.COMMAND, "repo", "create", "bench"], self.directory)

    def full(self, paths):
        publish = [*self.COMMAND, "publish", "repo", *self.LESS, "-distribution=bench", "bench"]
        return [[*self.COMMAND, "repo", "add", "bench", "tree"], publish]

    def more(self, path):
        update = [*self.COMMAND, "publish", "update", *self.LESS, "bench"]
        return [[*self.COMMAND, "repo", "add", "bench", str(path)], update]


TOOLS = [AptFtparchive, Reprepro, Aptly, Createrepo]
# The one of each kind that `visible.py` compares with.
USUAL = {"deb": AptFtparchive, "rpm": Createrepo}


def measure(make, paths, extra, place=None):
    """Numbers of the first index and of each further package; None where the tool is not installed."""
    if not shutil.which(make.program):
        return None
    with tempfile.TemporaryDirectory(dir=place or packages.CACHE) as directory:
        tool = make(pathlib.Path(directory))
        link(paths, tool.tree)
        tool.prepare()
        full = run(tool, tool.full(paths))
        run(tool, tool.after_full())
        return {"tool": tool.label, "full": full, "more": [run(tool, tool.more(path)) for path in extra]}


def one_more(kind, files, many, rounds=3):
    """The same for packages in memory, without the first index: seconds and CPU seconds of each round."""
    with tempfile.TemporaryDirectory(dir=packages.CACHE) as directory:
        for name, content in files[: many + rounds]:
            (pathlib.Path(directory) / name).write_bytes(content)
        paths = [pathlib.Path(directory) / name for name, _ in files[: many + rounds]]
        numbers = measure(USUAL[kind], paths[:many], paths[many:])
    if numbers is None:
        return None
    more = numbers["more"]
    return {"command": numbers["tool"], **{field: [one[field] for one in more] for field in ("seconds", "cpu_seconds")}}


def link(paths, target):
    """Gives files a second name below a directory, which costs no copy."""
    target.mkdir(parents=True, exist_ok=True)
    for path in paths:
        (target / path.name).hardlink_to(path)


def run(tool, commands):
    """One number of each for all commands together."""
    total = {"seconds": 0.0, "cpu_seconds": 0.0, "peak_rss_bytes": 0}
    for command in commands:
        with open(tool.directory / "output", "wb") as output:
            one = counters.watched(command, tool.directory, tool.environment, stdout=output)
        total = {
            "seconds": round(total["seconds"] + one["seconds"], 4),
            "cpu_seconds": round(total["cpu_seconds"] + one["cpu_seconds"], 4),
            "peak_rss_bytes": max(total["peak_rss_bytes"], one["peak_rss_bytes"]),
        }
    return total
