"""A local server of files that knows ranges, and misbehaves as told."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """Serves `files` with ranges, and misbehaves as told."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.cuts: dict[str, list[int]] = {}
        """Path to the numbers of bytes after which its next answers are cut."""
        self.statuses: dict[str, list[int]] = {}
        """Path to the status codes of its next answers."""
        self.knows_ranges = True
        self.requests: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        path, wanted = self.path, self.headers.get("Range")
        self.server.requests.append((path, wanted))
        if self.server.statuses.get(path):
            self.send_error(self.server.statuses[path].pop(0))
            return
        if path not in self.server.files:
            self.send_error(404)
            return
        data = self.server.files[path]
        start = start_of(wanted) if wanted else 0
        if wanted and self.server.knows_ranges:
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            data = data[start:]
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        cuts = self.server.cuts.get(path)
        self.wfile.write(data[: cuts.pop(0)] if cuts else data)

    def log_message(self, format: str, *args: object) -> None:
        pass


def start_of(wanted: str | None) -> int:
    """First byte that a Range header asks for."""
    return int((wanted or "").removeprefix("bytes=").removesuffix("-"))
