"""A name server that knows one name: `names.py ADDRESS NAME ANSWER`, on port 53 until it is ended."""

import socket
import sys


def answer(query: bytes, name: str, address: str) -> bytes:
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode())
        at += 1 + query[at]
    question = query[12 : at + 5]
    kind = int.from_bytes(query[at + 1 : at + 3], "big")
    known = ".".join(labels).lower() == name
    found = known and kind == 1
    # An answer, with recursion; NXDOMAIN for every other name.
    flags = 0x8580 if known else 0x8583
    head = query[:2] + flags.to_bytes(2, "big") + bytes([0, 1, 0, found, 0, 0, 0, 0])
    record = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" + socket.inet_aton(address)
    return head + question + (record if found else b"")


def main() -> None:
    listen, name, address = sys.argv[1:]
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((listen, 53))
    while True:
        query, client = server.recvfrom(512)
        server.sendto(answer(query, name, address), client)


main()
