"""Looks at something again and again, from a thread of this process, while a step runs."""

import threading


class Watch:
    """A context: `look` is called at once and every `interval_seconds`, until it answers False or the context is left."""

    interval_seconds = 0.01

    def __init__(self):
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._left.set()
        self._thread.join()

    def look(self):
        raise NotImplementedError

    def _run(self):
        while self.look() is not False and not self._left.wait(self.interval_seconds):
            pass
