"""The roofline of the load generator: the answer is ready as bytes, and is the same for every request.

python -m tests.benchmarks.raw_server json|sse prints its port and serves until its standard input closes.
"""

import json
import sys
from functools import partial

import uvloop

from tests.benchmarks import replies
from tests.benchmarks.zero_server import Answering, serve


def answer(*, stream: bool) -> bytes:
    """The whole reply; a stream in one chunk."""
    if stream:
        body = b"".join(replies.events())
        head = b"content-type: text/event-stream\r\ntransfer-encoding: chunked"
        return b"HTTP/1.1 200 OK\r\n%b\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (head, len(body), body)
    body = json.dumps(replies.completion(), ensure_ascii=False).encode()
    head = b"content-type: application/json\r\ncontent-length: %d" % len(body)
    return b"HTTP/1.1 200 OK\r\n%b\r\n\r\n%b" % (head, body)


if __name__ == "__main__":
    uvloop.run(serve(partial(Answering, answer(stream=sys.argv[1:] == ["sse"]))))
