"""nginx on a directory, as the yardstick of what the machine can serve: its own configuration, log and port."""

import getpass
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

START_SECONDS = 10

CONFIGURATION = """\
{user}
worker_processes {workers};
daemon off;
pid "{directory}/pid";
error_log "{directory}/error.log";

events {{
    worker_connections 1024;
}}

http {{
    access_log "{directory}/access.log";
    {temporary}
    default_type application/octet-stream;
    sendfile on;
    etag on;
    keepalive_timeout 65;
    keepalive_requests 1000000000;

    server {{
        listen {address};
        root "{root}";
        autoindex on;

        # the same directories, but listed as JSON
        location /-/json/ {{
            alias "{root}/";
            autoindex_format json;
        }}
    }}
}}
"""

# Compiled-in places of these belong to root.
TEMPORARY = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]


class Nginx:
    """Use it with `with`. It runs as the user of this process."""

    def __init__(self, directory, root, workers):
        self.label = f"nginx, {workers} worker{'s' if workers > 1 else ''}"
        self.directory, self.workers, self.address = directory, workers, free_address()
        directory.mkdir(parents=True)
        text = CONFIGURATION.format(
            # without rights, workers are of the user who started them
            user=f"user {getpass.getuser()};" if os.geteuid() == 0 else "",
            workers=workers,
            directory=directory,
            address=self.address,
            root=root,
            temporary=" ".join(f'{name}_temp_path "{directory}/{name}";' for name in TEMPORARY),
        )
        (directory / "nginx.conf").write_text(text)
        command = [program(), "-p", str(directory), "-c", "nginx.conf", "-e", str(directory / "error.log")]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def _wait(self):
        end = time.monotonic() + START_SECONDS
        while len(self.pids()) <= self.workers:
            if self.process.poll() is not None or time.monotonic() > end:
                raise SystemExit("nginx does not get ready; it said:\n" + self._errors())
            time.sleep(0.02)

    def _errors(self):
        log = self.directory / "error.log"
        return log.read_text() if log.exists() else ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                # the workers would outlive their master
                for pid in reversed(self.pids()):
                    os.kill(pid, signal.SIGKILL)
                self.process.wait()

    def pids(self):
        """The master and its workers."""
        pid = self.process.pid
        try:
            children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except FileNotFoundError:
            return []
        return [pid, *map(int, children)]


def free_address():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{listener.getsockname()[1]}"


def program():
    """Debian has it where only root looks."""
    found = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    if not found:
        raise SystemExit("nginx is missing: apt-get install nginx")
    return found


def version():
    return subprocess.run([program(), "-v"], stderr=subprocess.PIPE, text=True, check=True).stderr.strip().rsplit("/", 1)[1]
