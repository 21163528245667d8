#!/usr/bin/env python3
"""A web server that knows instruments, slowly and not always: what async_enrich.c asks.

    GET /instruments/SYMBOL   two lines, name and sector; 404 for symbols that begin with "X"; 503 now and then
    GET /counts               how it went so far, as JSON

Prints the port it listens on (at 127.0.0.1), then serves until it is killed.
"""

import argparse
import collections
import http.server
import json
import random
import sys
import threading
import time
import urllib.parse
import zlib

SECTORS = ["banks", "energy", "health", "machines", "retail"]


class Instruments(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def __init__(self, port=0, delay_ms=20, fail=0.2, hang="", seed=1):
        super().__init__(("127.0.0.1", port), Handler)
        self.delay_ms, self.fail, self.hang = delay_ms, fail, hang
        self.rng, self.lock = random.Random(seed), threading.Lock()
        self.under_way, self.counts = 0, collections.Counter()
        self.closing = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/instruments"

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):  # who asked may have gone
            super().handle_error(request, client_address)

    def draw(self):
        """How long an answer takes, and whether it is a failure."""
        with self.lock:
            return self.rng.uniform(0, 2 * self.delay_ms) / 1000, self.rng.random() < self.fail

    def count(self, **more):
        with self.lock:
            self.counts.update(more)

    def enter(self, by):
        with self.lock:
            self.under_way += by
            self.counts["most_at_once"] = max(self.counts["most_at_once"], self.under_way)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, code, text):
        body = text.encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        server = self.server
        if self.path == "/counts":
            return self.answer(200, json.dumps(server.counts))
        symbol = urllib.parse.unquote(self.path.rsplit("/", 1)[1])
        server.count(requests=1)
        server.enter(1)
        try:
            seconds, fails = server.draw()
            if symbol == server.hang:
                server.count(hung=1)
                server.closing.wait(60)
                return self.answer(503, "")
            time.sleep(seconds)
            server.count(failures=int(fails))
        finally:
            server.enter(-1)
        if fails:
            return self.answer(503, "busy\n")
        if symbol.startswith("X"):
            return self.answer(404, "no such instrument\n")
        return self.answer(200, f"{symbol} Corporation\n{SECTORS[zlib.crc32(symbol.encode()) % len(SECTORS)]}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--delay-ms", type=float, default=20, help="on average")
    parser.add_argument("--fail", type=float, default=0.2, help="share of requests that get a 503")
    parser.add_argument("--hang", default="", help="a symbol that is never answered")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    server = Instruments(options.port, options.delay_ms, options.fail, options.hang, options.seed)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
