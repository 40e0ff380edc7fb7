"""The least an aiohttp.web handler can do: read the JSON, answer with a completion or its events.

python -m tests.benchmarks.bare_server prints its port and serves until its standard input closes. A stream is
written event by event, as handlers do.
"""

import asyncio
import json
import os
import sys
from functools import partial

import uvloop
from aiohttp import web

from tests.benchmarks import replies

_EVENTS = replies.events()
_DUMPS = partial(json.dumps, ensure_ascii=False, separators=(",", ":"))


async def _answer(request: web.Request) -> web.StreamResponse:
    document = await request.json()
    if not document.get("stream"):
        return web.json_response(replies.completion() | {"model": document["model"]}, dumps=_DUMPS)
    response = web.StreamResponse(headers={"content-type": "text/event-stream; charset=utf-8"})
    await response.prepare(request)
    for event in _EVENTS:
        await response.write(event)
    await response.write_eof()
    return response


async def serve() -> None:
    """Until standard input closes: so it ends with the process that started it, however that one ends."""
    app = web.Application()
    app.router.add_post(replies.PATH, _answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
    await site.start()
    over = asyncio.Event()
    asyncio.get_running_loop().add_reader(
        sys.stdin, lambda: None if os.read(sys.stdin.fileno(), 1) else over.set()
    )
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await over.wait()
    await runner.cleanup()


if __name__ == "__main__":
    uvloop.run(serve())
