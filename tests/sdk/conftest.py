"""One `vitrine serve` for the whole run, and what every test needs of it.

The SDKs see nothing but loopback: a name is either this machine or an error.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# What the SDKs read from the environment must be gone before they are imported.
for name in list(os.environ):
    if name.lower().endswith("_proxy") or name.startswith(
        ("AWS_", "OPENAI_", "ARK_", "DASHSCOPE_", "RESEND_", "OSS_", "COS_")
    ):
        del os.environ[name]
os.environ |= {
    "NO_PROXY": "*",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "OTEL_SDK_DISABLED": "true",
}
os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull

import pytest  # noqa: E402
import requests  # noqa: E402

WORKSPACE = Path(__file__).resolve().parents[2]
READY_WITHIN_S = 60
COMPANIES = ("deepseek", "seedream", "dashscope", "resend", "paypal")

_getaddrinfo = socket.getaddrinfo


def _loopback_alone(host: Any, *rest: Any, **named: Any) -> Any:
    """Buckets are sub-domains of `localhost`, which not every machine resolves. Nothing else is looked up."""
    text = host.decode() if isinstance(host, bytes) else host
    if text in ("127.0.0.1", "localhost") or str(text).endswith(".localhost"):
        return _getaddrinfo("127.0.0.1", *rest, **named)
    raise AssertionError(f"an SDK wants to speak with {text}")


socket.getaddrinfo = _loopback_alone


@dataclass
class Book:
    """What one company saw and did since the test began."""

    url: str
    _requests: int = 0
    _work: int = 0

    def __post_init__(self) -> None:
        book = self._read()
        self._requests, self._work = book["requests_total"], len(book["work"])

    def _read(self) -> dict[str, Any]:
        return requests.get(self.url, timeout=10).json()

    @property
    def requests(self) -> list[dict[str, Any]]:
        return [seen for seen in self._read()["requests"] if seen["number"] > self._requests]

    @property
    def work(self) -> list[dict[str, Any]]:
        return self._read()["work"][self._work :]


@dataclass
class StoreBook:
    """What one object store was asked since the test began."""

    url: str
    _begin: int = 0

    def __post_init__(self) -> None:
        self._begin = len(self.seen)

    @property
    def seen(self) -> list[dict[str, Any]]:
        return requests.get(self.url, timeout=10).json()[self._begin :]


@dataclass
class Serve:
    """A running `vitrine serve`."""

    port: int
    data: Path
    process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def simulators(self) -> str:
        return f"http://127.0.0.1:{self.port + 1}"

    @property
    def stores(self) -> str:
        return f"http://127.0.0.1:{self.port + 2}"

    @property
    def stores_port(self) -> int:
        return self.port + 2

    def keys(self, name: str) -> tuple[str, str]:
        """The key pair `cos-reader`, `oss-owner`, …"""
        parameters = json.loads((self.data / "parameters.json").read_text())
        pair = json.loads(parameters[f"/vitrine/local/{name}"]["value"])
        return pair["id"], pair["secret"]

    def book(self, company: str) -> Book:
        return Book(f"{self.simulators}/_sim/book/{company}")

    def store_book(self, store: str) -> StoreBook:
        return StoreBook(f"{self.stores}/_store/{store}/book")

    def fault(self, provider: str, next: int = 1, **fault: Any) -> None:
        """Lets the next calls of a company go wrong."""
        order = {"provider": provider, "next": next, "fault": fault}
        answer = requests.post(f"{self.simulators}/_sim/faults", json=order, timeout=10)
        assert answer.status_code == 201, answer.text

    def store_fault(self, store: str, **fault: Any) -> None:
        answer = requests.post(f"{self.stores}/_store/{store}/faults", json={"times": 1} | fault, timeout=10)
        assert answer.status_code == 204, answer.text

    def limits(self, **limits: int) -> None:
        answer = requests.put(f"{self.simulators}/_sim/limits", json=limits, timeout=10)
        assert answer.status_code == 204, answer.text

    def advance(self, span: str) -> None:
        """Makes it later, for everything in this stack."""
        answer = requests.post(f"{self.simulators}/_sim/clock", json={"advance": span}, timeout=10)
        assert answer.status_code == 200, answer.text

    def calm(self) -> None:
        requests.delete(f"{self.simulators}/_sim/faults", timeout=10).raise_for_status()
        for store in ("cos", "oss"):
            requests.delete(f"{self.stores}/_store/{store}/faults", timeout=10).raise_for_status()
        self.limits()


def _binary() -> Path:
    if given := os.environ.get("VITRINE_BIN"):
        return Path(given)
    return Path(os.environ.get("CARGO_TARGET_DIR") or WORKSPACE / "target") / "debug" / "vitrine"


def _free_port() -> int:
    """The first of four ports in a row that nobody has."""
    for _ in range(100):
        first = random.randrange(20_000, 60_000)
        try:
            for port in range(first, first + 4):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise AssertionError("no four free ports in a row were found")


def _start(folder: Path) -> Serve:
    binary = _binary()
    if not binary.is_file():
        pytest.exit(
            f"there is no {binary}: run `cargo build -p vitrine`, or name the program in VITRINE_BIN", returncode=2
        )
    port, data, log = _free_port(), folder / "data", folder / "serve.log"
    data.mkdir()
    # In the folder of its own no `.env` with the keys of real companies is found.
    with log.open("wb") as out:
        command = [str(binary), "serve", "--port", str(port), "--data", str(data)]
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=subprocess.STDOUT)
    serve = Serve(port, data, process)
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if requests.get(f"{serve.api}/v1/health", timeout=5).status_code == 200:
                return serve
        except requests.ConnectionError:
            time.sleep(0.02)  # a process that starts says so nowhere else
    _stop(serve)
    pytest.exit(f"`vitrine serve` was not ready within {READY_WITHIN_S} s:\n{log.read_text()}", returncode=2)


def _stop(serve: Serve) -> None:
    serve.process.send_signal(signal.SIGTERM)
    try:
        serve.process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        serve.process.kill()


@pytest.fixture(scope="session")
def _serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    serve = _start(tmp_path_factory.mktemp("serve"))
    yield serve
    _stop(serve)


@pytest.fixture
def serve(_serve: Serve) -> Iterator[Serve]:
    """The stack that all tests share, with no fault left over from another test. Its clock is not to be moved."""
    _serve.calm()
    yield _serve
    _serve.calm()


@pytest.fixture
def own_serve(tmp_path: Path) -> Iterator[Serve]:
    """A stack whose clock the test may move: it only goes forward, and so it is nobody else's."""
    serve = _start(tmp_path)
    yield serve
    _stop(serve)
