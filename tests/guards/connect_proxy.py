#!/usr/bin/env python3
"""connect_proxy.py PORT LOG: a proxy that knows CONNECT alone, to this host.  What
was asked of it goes to LOG, one line each, with the credentials that came."""
import socket
import socketserver
import sys
import threading

PORT, LOG = int(sys.argv[1]), sys.argv[2]


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        line = self.rfile.readline().decode("latin-1").split()
        credentials = "none"
        while (header := self.rfile.readline().strip()) != b"":
            if header.lower().startswith(b"proxy-authorization:"):
                credentials = "given"
        with open(LOG, "a", encoding="utf-8") as file:
            file.write("%s %s %s\n" % (line[0], line[1], credentials))
        port = int(line[1].rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port)) as there:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=pump, args=(there, self.connection))
            back.start()
            pump(self.connection, there)
            back.join()


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


with Server(("127.0.0.1", PORT), Handler) as server:
    print("listening", flush=True)
    server.serve_forever()
