"""Listens on a Unix socket and carries what comes to a TCP port, until the
process of that number ends.  python3 forward.py SOCKET:HOST:PORT PID"""
import asyncio
import os
import sys

path, host, port = sys.argv[1].rsplit(":", 2)
master = int(sys.argv[2])


async def carry(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.close()


async def serve(reader, writer):
    try:
        there = await asyncio.open_connection(host, int(port))
    except OSError:
        writer.close()
        return
    await asyncio.gather(carry(reader, there[1]), carry(there[0], writer))
    writer.close()
    there[1].close()


async def main(ready):
    if os.path.exists(path):
        os.unlink(path)
    await asyncio.start_unix_server(serve, path)
    os.write(ready, b"1")
    os.close(ready)
    gone = os.pidfd_open(master)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(gone, ended.set)
    await ended.wait()


hear, ready = os.pipe()
if os.fork() == 0:
    os.close(hear)
    os.setsid()
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    asyncio.run(main(ready))
    os._exit(0)
os.close(ready)
sys.exit(0 if os.read(hear, 1) else 1)
