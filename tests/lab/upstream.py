"""The upstreams' web server: files below a folder, one line of log for every request, and servers that misbehave.

`/flaky/500-twice/KEY/PATH` answers 500 to the first two requests for KEY, `/flaky/cut-twice/KEY/PATH` cuts the first two
answers off in the middle, `/flaky/cut/KEY/PATH` all of them, `/flaky/slow/KEY/PATH` sends little by little.
A second port is a door to the registry that answers 500 to the first two uploads of every repository, 429 where its name says
`busy`, 403 always where it says `denied`, and that takes manifests and keeps none where it says `forgets`.
"""

import hashlib
import http.client
import json
import sys
import threading
import time
from collections import Counter
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit


class Upstream(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    log_file = None
    lock = threading.Lock()
    seen = Counter()

    def log_message(self, form, *arguments):
        pass

    def log_request(self, code="-", size="-"):
        with self.lock:
            self.log_file.write(f"{self.command} {self.path} {int(code)}\n")
            self.log_file.flush()

    def do_GET(self):
        parts = urlsplit(self.path).path.split("/", 4)
        if len(parts) == 5 and parts[1] == "flaky":
            return self.misbehave(*parts[2:])
        return super().do_GET()

    def translate_path(self, path):
        return super().translate_path(urlsplit(path).path)

    def misbehave(self, how, key, path):
        with self.lock:
            self.seen[how, key] += 1
            count = self.seen[how, key]
        file = Path(self.directory) / path
        if not file.is_file():
            self.send_error(404)
            return
        content = file.read_bytes()
        if how == "500-twice" and count <= 2:
            self.send_error(500)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if how == "cut" or (how == "cut-twice" and count <= 2):
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(1)
        elif how == "stall":
            self.wfile.write(content[:10])
            self.wfile.flush()
            # Until whoever asked has gone.
            self.connection.recv(1)
        elif how == "slow":
            for byte in content:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(0.2)
        else:
            self.wfile.write(content)


class FlakyRegistry(SimpleHTTPRequestHandler):
    """Forwards to the registry, but for the first two uploads of every repository."""

    protocol_version = "HTTP/1.1"
    # Who tries TLS here gets an answer with a status line, by which clients tell that this is plain HTTP.
    default_request_version = "HTTP/1.1"
    registry = None
    lock = threading.Lock()
    seen = Counter()

    def log_message(self, form, *arguments):
        pass

    def forward(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = self.chunks()
        repository = self.path.partition("/blobs/")[0]
        if self.command == "POST" and "Authorization" in self.headers:
            with self.lock:
                self.seen[repository] += 1
                count = self.seen[repository]
            if "denied" in repository or (count <= 2 and "forgets" not in repository):
                self.refuse(repository)
                return
        if self.command == "PUT" and "/manifests/" in self.path and "forgets" in self.path:
            self.send_response(201)
            self.send_header("Docker-Content-Digest", "sha256:" + hashlib.sha256(body).hexdigest())
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        connection = http.client.HTTPConnection(self.registry, timeout=60)
        skipped = {"transfer-encoding", "content-length", "connection"}
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        # Some headers come several times: each kind of manifest that the client accepts.
        for name, value in self.headers.items():
            if name.lower() not in skipped:
                connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"transfer-encoding", "connection", "content-length"}:
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
        self.send_header("Content-Length", length or "0")
        self.end_headers()
        self.wfile.write(content)

    def refuse(self, repository):
        if "busy" in repository:
            status, code, message = 429, "TOOMANYREQUESTS", "too many requests"
        elif "denied" in repository:
            status, code, message = 403, "DENIED", "requested access to the resource is denied"
        else:
            self.send_error(500)
            return
        content = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def chunks(self):
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = forward


def main(folder: str, port: int, flaky_port: int, registry: str):
    Upstream.log_file = open(Path(folder).parent / "requests.log", "a")
    FlakyRegistry.registry = registry
    flaky = ThreadingHTTPServer(("127.0.0.1", flaky_port), FlakyRegistry)
    threading.Thread(target=flaky.serve_forever, daemon=True).start()

    def handler(*arguments):
        return Upstream(*arguments, directory=folder)

    ThreadingHTTPServer(("127.0.0.1", port), handler).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
