"""The real binary for the tests written in Python: started on a temporary directory, asked over HTTP."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]


def binary():
    """The binary under test: $SPANLAKE_BIN, or the one that cargo built last in its target directory."""
    default = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "spanlake"
    path = pathlib.Path(os.environ.get("SPANLAKE_BIN", default))
    if not path.exists():
        sys.exit(f"{path} does not exist: cargo build first, or name the binary in SPANLAKE_BIN")
    return str(path)


class Server:
    """`spanlake serve` on free ports; a context manager that leaves no process behind."""

    def __init__(self, *flags):
        self.home = tempfile.TemporaryDirectory(prefix="spanlake-py-")
        self.data_dir = pathlib.Path(self.home.name) / "data"
        self.flags = flags
        self.process = None
        self.addresses = {}

    def __enter__(self):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SPANLAKE_")}
        command = [binary(), "serve", "--data-dir", str(self.data_dir)]
        for flag in ("--otlp-grpc-listen", "--otlp-http-listen", "--http-listen"):
            command += [flag, "127.0.0.1:0"]
        self.log = open(pathlib.Path(self.home.name) / "server.log", "ab")
        self.process = subprocess.Popen(
            [*command, *self.flags], env=environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log
        )
        self._wait(self._read_addresses, "addresses.json")
        self._wait(self._is_ready, "/api/v1/ready")
        return self

    def __exit__(self, kind, error, traceback):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()
        if kind is not None:
            log = (pathlib.Path(self.home.name) / "server.log").read_text(errors="replace")
            print("--- end of the server's log ---", log[-3000:], sep="\n", file=sys.stderr)
        self.home.cleanup()

    def _wait(self, probe, what):
        deadline = time.monotonic() + 60
        while not probe():
            if self.process.poll() is not None:
                sys.exit(f"the server ended with {self.process.returncode}")
            if time.monotonic() > deadline:
                sys.exit(f"waited 60 s in vain for {what}")
            time.sleep(0.05)

    def _read_addresses(self):
        try:
            self.addresses = json.loads((self.data_dir / "addresses.json").read_text())
        except FileNotFoundError:
            return False
        return self.addresses["pid"] == self.process.pid

    def _is_ready(self):
        try:
            return self.get("/api/v1/ready")["ready"]
        except urllib.error.HTTPError:
            return False

    def _ask(self, path, body=None):
        request = urllib.request.Request(
            f"http://{self.addresses['http']}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json", "accept": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == 503:
                raise
            raise AssertionError(f"{path}: {error.code}: {error.read()[:500]}") from error

    def get(self, path):
        return self._ask(path)

    def sql(self, statement):
        """The rows of a statement, as tuples."""
        return [tuple(row) for row in self._ask("/api/v1/sql", {"sql": statement})["rows"]]

    def flush(self):
        self._ask("/api/v1/admin/flush", {})

    def compact(self):
        """Everything of a date into one segment."""
        return self._ask("/api/v1/admin/compact?force=true", {})

    def replay(self, *packs):
        files = [str(path) for pack in packs for path in sorted((ROOT / "tests" / "data" / pack).glob("*.otlp.zst"))]
        assert files, f"no files of {packs}"
        subprocess.run(
            [binary(), "replay", *files, "--to", f"http://{self.addresses['otlp_http']}"],
            check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.log, timeout=120,
        )

    def stop(self):
        """SIGTERM; the data directory stays for whoever reads it."""
        self.process.terminate()
        code = self.process.wait(timeout=60)
        assert code == 0, f"SIGTERM ended the server with {code}"
