#!/usr/bin/env python3
"""A service manager's socket: writes what it is told, one JSON object a line.

manager.py SOCKET FILE: "at" is in seconds, by the monotonic clock.
"""
import json
import socket
import sys
import time

listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(sys.argv[1])
with open(sys.argv[2], "w", encoding="utf-8") as out:
    while True:
        told = listener.recv(65536).decode()
        said = dict(line.split("=", 1) for line in told.splitlines())
        json.dump({"at": time.monotonic(), **said}, out)
        out.write("\n")
        out.flush()
