"""The door of the web page and API on loopback: forwards each request to the deployed HTTP API."""

import http.client
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "host", "content-length"}


class Front:
    """Serves 127.0.0.1:`port`; requests are forwarded once `api` names the deployed HTTP API."""

    def __init__(self, port: int, gateway_port: int):
        self.api = ""
        self.url = f"http://127.0.0.1:{port}"
        front = self

        class Door(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def body(self):
                """Reads the body, which would otherwise be taken for the next request of the connection."""
                return self.rfile.read(int(self.headers.get("content-length") or 0))

            def forward(self):
                body = self.body()
                headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP_BY_HOP}
                headers["host"] = f"{front.api}.execute-api.localhost:{gateway_port}"
                upstream = http.client.HTTPConnection("127.0.0.1", gateway_port, timeout=60)
                try:
                    upstream.request(self.command, self.path, body or None, headers)
                    answer = upstream.getresponse()
                    content = answer.read()
                except OSError as error:
                    self.send_error(502, f"the local stack does not answer: {error}")
                    return
                finally:
                    upstream.close()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in HOP_BY_HOP | {"date", "server"}:
                        self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    with suppress(ConnectionError):  # whoever asked has left
                        self.wfile.write(content)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = forward

            def nothing(self):
                """Answers a method that no route has, as the gateway in the cloud does."""
                self.body()
                content = b'{"message":"Not Found"}'
                self.send_response(404)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def __getattr__(self, name):
                if name.startswith("do_"):
                    return self.nothing
                raise AttributeError(name)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Door)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()
