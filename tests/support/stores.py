"""Stores of files on this machine: S3 as moto plays it, and a web server that can be slow, or break off."""

import logging
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

HOST = "127.0.0.1"
SETTINGS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass
class Bucket:
    """A bucket; ``url`` is where it is, and ``requests`` has a line such as ``GET /name/key`` for each request."""

    client: Any
    name: str
    lines: list[str]
    since: int = 0

    @property
    def url(self) -> str:
        return f"s3://{self.name}"

    def put(self, key: str, content: bytes) -> str:
        """Put an object there and return its URL."""
        self.client.put_object(Bucket=self.name, Key=key, Body=content)
        return f"{self.url}/{key}"

    def upload(self, folder: Path, below: str = "") -> str:
        """Put all files of a folder there and return its URL."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put(f"{below}{path.relative_to(folder).as_posix()}", path.read_bytes())
        return f"{self.url}/{below}".rstrip("/")

    def forget(self) -> None:
        """Count requests from now on."""
        self.since = len(self.lines)

    def requests(self, method: str = "") -> list[str]:
        """Return the requests to this bucket, those of a method, without listings."""
        mine = [line for line in self.lines[self.since :] if f"/{self.name}/" in line]
        return [line for line in mine if line.startswith(method)]


@dataclass
class Store:
    """The server, by a client of its own."""

    client: Any
    lines: list[str]

    def bucket(self) -> Bucket:
        """Make an empty bucket."""
        name = f"notes-{uuid.uuid4().hex[:8]}"
        self.client.create_bucket(Bucket=name)
        return Bucket(self.client, name, self.lines, len(self.lines))


class _Lines(logging.Handler):
    """Keeps what a server of werkzeug logs about its requests."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        _, _, request = record.getMessage().partition('"')
        self.lines.append(request.removeprefix("\x1b[35m\x1b[1m").removeprefix("\x1b[33m"))


@contextmanager
def s3_server() -> Iterator[Store]:
    """Run a server, which the environment names to libraries meanwhile."""
    import boto3
    from moto.server import ThreadedMotoServer

    seen, logger = _Lines(), logging.getLogger("werkzeug")
    logger.addHandler(seen)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    server = ThreadedMotoServer(ip_address=HOST, port=0, verbose=True)
    server.start()
    host, port = server.get_host_and_port()
    settings = {**SETTINGS, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield Store(boto3.client("s3"), seen.lines)
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
        server.stop()
        logger.removeHandler(seen)


@dataclass
class Web:
    """A web server of a folder, at ``url``; ``seen`` has the requests as (method, path).

    The files in ``breaking`` break off in their middle so many times, and those in ``silent`` are never answered for.
    """

    url: str
    folder: Path
    seen: list[tuple[str, str]] = field(default_factory=list)
    breaking: dict[str, int] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    closing: Event = field(default_factory=Event)

    def fetched(self) -> list[str]:
        """Return the paths of which the content was asked for."""
        return [path for method, path in self.seen if method == "GET"]


class _Handler(SimpleHTTPRequestHandler):
    """Answers for one request; it knows of no ranges, as Python's own server does not."""

    def __init__(self, *args: Any, web: Web, **settings: Any) -> None:
        self.web = web
        super().__init__(*args, **settings)

    def log_message(self, format: str, *args: Any) -> None:
        self.web.seen.append((self.command, self.path))

    def do_GET(self) -> None:
        if self.path in self.web.silent:
            self.web.closing.wait(20)
            return
        if self.web.breaking.get(self.path, 0) > 0:
            self.web.breaking[self.path] -= 1
            content = Path(self.translate_path(self.path)).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
            return
        super().do_GET()


@contextmanager
def web_server(folder: Path) -> Iterator[Web]:
    """Run a web server of a folder."""
    web = Web("", folder)
    handler = partial(_Handler, web=web, directory=str(folder))
    with ThreadingHTTPServer((HOST, 0), handler) as server:
        server.daemon_threads = True
        web.url = f"http://{HOST}:{server.server_address[1]}"
        thread = Thread(target=partial(server.serve_forever, poll_interval=0.05))
        thread.start()
        yield web
        web.closing.set()
        server.shutdown()
        thread.join()


def settled(path: Path, seconds: float = 5.0) -> None:
    """Give a file a time of change long past, as a feature store wants it."""
    os.utime(path, (time.time() - seconds,) * 2)
