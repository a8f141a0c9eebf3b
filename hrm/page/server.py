"""The page's server: for this machine alone, and for the page's own files alone."""

import errno
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from hrm.page.site import content_of

LOOPBACK = "127.0.0.1"

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".md": "text/plain; charset=utf-8",
}
_HEADERS = {
    # The page may load nothing but its own files; the picture is its icon.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self';"
        " style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none';"
        " form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class PageServer(ThreadingHTTPServer):
    """Serves the files of the page on the loopback address.

    Args:
        files: by path, as from `page_files`; nothing else is ever opened.
        port: 0: any free one.

    Raises:
        ValueError: if the port is taken or not allowed.
    """

    daemon_threads = True

    def __init__(self, files: dict[str, Path | bytes], port: int):
        self.files = files
        try:
            super().__init__((LOOPBACK, port), _Handler)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            why = "is taken" if error.errno == errno.EADDRINUSE else "is not allowed"
            raise ValueError(f"--port {port}: {why}; give another one, or 0 for any") from None

    @property
    def address(self) -> str:
        """Where a browser finds the page."""
        return f"http://{LOOPBACK}:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    server_version = "hrm"
    sys_version = ""

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def log_message(self, format: str, *args: object) -> None:
        """Not a line for every file."""

    def _answer(self, with_body: bool) -> None:
        if not self._is_asked_here():
            return self.send_error(421, "ask for this address by its own name")
        path = unquote(urlsplit(self.path).path).removeprefix("/") or "index.html"
        file = self.server.files.get(path)  # a look-up, no path in the file system
        if file is None:
            return self.send_error(404)
        try:
            content = content_of(file)
        except OSError:
            return self.send_error(404)
        self.send_response(200)
        kind = _TYPES.get(PurePosixPath(path).suffix, "application/octet-stream")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if with_body:
            self.wfile.write(content)

    def end_headers(self) -> None:
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def _is_asked_here(self) -> bool:
        """Not under a name that somebody else made point to this machine."""
        host, _, port = self.headers.get("Host", "").partition(":")
        return host in (LOOPBACK, "localhost") and port in ("", str(self.server.server_port))
