#!/usr/bin/env python3
"""https_server.py DIR PORT CERT KEY: a file server that breaks as it is told.

DIR/files/NAME is served as /NAME.  DIR/faults.json, read anew for each request,
maps NAME to what goes wrong: {"kind": ..., "times": n, ...}; without "times" it
goes wrong always.  What was asked for goes to DIR/log.ndjson, one line each:
{"name", "range", "from", "status", "sent"}.

kinds: cut (after "after" bytes of the body), no_range, status ("code"),
redirect ("to"), endless, stall (after "after"), drip (a byte at a time),
huge_length, short (whole, but "after" bytes less), empty, odd_range, hold (after
"after" bytes it waits until DIR/go is there)
"""
import http.server
import json
import os
import re
import socket
import ssl
import sys
import threading
import time

FOLDER, PORT, CERT, KEY = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
LOCK = threading.Lock()
USED = {}


def fault_of(name):
    """The fault that is due for this name, counted down."""
    try:
        with open(os.path.join(FOLDER, "faults.json"), encoding="utf-8") as file:
            fault = json.load(file).get(name)
    except FileNotFoundError:
        return {}
    if not fault:
        return {}
    with LOCK:
        key = json.dumps([name, fault])
        USED[key] = USED.get(key, 0) + 1
        if USED[key] > fault.get("times", 1 << 30):
            return {}
    return fault


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def note(self, **what):
        with LOCK, open(os.path.join(FOLDER, "log.ndjson"), "a", encoding="utf-8") as file:
            file.write(json.dumps(what) + "\n")

    def break_off(self):
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def answer(self, code, **headers):
        self.send_response(code)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), str(value))
        self.end_headers()

    def send(self, data, fault):
        """How many bytes went out before what was to go wrong did."""
        kind = fault.get("kind")
        if kind in ("cut", "stall"):
            part = data[: fault.get("after", 0)]
            self.wfile.write(part)
            self.wfile.flush()
            if kind == "stall":
                time.sleep(fault.get("seconds", 60))
            self.break_off()
            return len(part)
        if kind == "hold":
            self.wfile.write(data[: fault["after"]])
            self.wfile.flush()
            while not os.path.exists(os.path.join(FOLDER, "go")):
                time.sleep(0.02)
            self.wfile.write(data[fault["after"] :])
            return len(data)
        if kind == "drip":
            for at in range(len(data)):
                self.wfile.write(data[at : at + 1])
                time.sleep(0.1)
            return len(data)
        self.wfile.write(data)
        return len(data)

    def endless(self):
        self.answer(200, Transfer_Encoding="chunked")
        block = b"10000\r\n" + b"\0" * 0x10000 + b"\r\n"
        sent = 0
        while sent < 2 << 30:
            self.wfile.write(block)
            sent += 0x10000
        return sent

    def do_GET(self):
        name = self.path.split("?")[0].lstrip("/")
        fault = fault_of(name)
        kind = fault.get("kind")
        asked = self.headers.get("Range")
        status, sent, start = 0, 0, 0
        try:
            if kind == "status":
                status = fault["code"]
                self.answer(status, Content_Length=0)
                return
            if kind == "redirect":
                status = 302
                self.answer(status, Location=fault["to"], Content_Length=0)
                return
            if kind == "endless":
                status = 200
                sent = self.endless()
                return
            path = os.path.join(FOLDER, "files", os.path.basename(name))
            if not os.path.isfile(path):
                status = 404
                self.answer(status, Content_Length=0)
                return
            with open(path, "rb") as file:
                data = file.read()
            if kind == "short":
                data = data[: -fault["after"]]
            if kind == "empty":
                data = b""
            tag = '"%d-%d"' % (len(data), os.stat(path).st_ino)
            wanted = re.fullmatch(r"bytes=(\d+)-", asked or "")
            same = self.headers.get("If-Range") in (None, tag)
            if wanted and same and kind != "no_range":
                start = int(wanted.group(1))
                if start >= len(data):
                    status = 416
                    self.answer(status, Content_Range="bytes */%d" % len(data), Content_Length=0)
                    return
                status = 206
                shift = 1 if kind == "odd_range" else 0
                self.answer(
                    status,
                    ETag=tag,
                    Content_Length=len(data) - start,
                    Content_Range="bytes %d-%d/%d" % (start - shift, len(data) - 1, len(data)),
                )
            else:
                status = 200
                length = 4 << 30 if kind == "huge_length" else len(data)
                self.answer(status, ETag=tag, Content_Length=length)
            sent = self.send(data[start:], fault)
        except (OSError, ssl.SSLError):
            self.close_connection = True
        finally:
            self.note(name=name, range=asked, **{"from": start}, status=status, sent=sent)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a client that trusts us not hangs up


def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERT, KEY)
    server = Server(("127.0.0.1", PORT), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    print("listening", flush=True)
    server.serve_forever()


main()
