# A slow line where the kernel has no netem: a tun device in each of two network namespaces, and this program between them, which
# holds every packet back and loses some. TCP sees what it would see on a long line. Loss is drawn from a fixed seed.
#   python3 line.py NAMESPACE NAMESPACE        then on stdin, whenever it changes: DELAY_MS LOSS, both for each direction
import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
# Packets on their way in one direction, at most; as netem.
LIMIT = 1000


def tun(namespace: str) -> int:
    target = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(target, 0) != 0:
        raise OSError(ctypes.get_errno(), f"setns {namespace}")
    os.close(target)
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", b"line", IFF_TUN | IFF_NO_PI))
    return device


ends = [tun(name) for name in sys.argv[1:3]]
print("ready", flush=True)
delay, loss = 0.0, 0.0
draw = random.Random(1)
under_way: list[tuple[float, int, int, bytes]] = []
queued = {end: 0 for end in ends}
count = 0
while True:
    wait = None if not under_way else max(0.0, under_way[0][0] - time.monotonic())
    for source in select.select([*ends, sys.stdin], [], [], wait)[0]:
        if source is sys.stdin:
            line = sys.stdin.readline()
            if line == "":
                sys.exit()
            delay, loss = float(line.split()[0]) / 1000, float(line.split()[1])
            print("set", flush=True)
            continue
        packet = os.read(source, 65536)
        to = ends[1 - ends.index(source)]
        if draw.random() >= loss and queued[to] < LIMIT:
            count += 1
            queued[to] += 1
            heapq.heappush(under_way, (time.monotonic() + delay, count, to, packet))
    while under_way and under_way[0][0] <= time.monotonic():
        _, _, to, packet = heapq.heappop(under_way)
        queued[to] -= 1
        try:
            os.write(to, packet)
        except OSError:
            pass  # full, or not up yet: lost
