"""A websocket that does nothing: each frame is answered with the same bytes, under the service's server and settings.

python -m bench.load.echo PORT FILE msgpack|json
"""

from __future__ import annotations

import sys
from pathlib import Path

from starlette.types import Receive, Scope, Send

from service.api.server import DrainingServer, listen
from service.logs import open_log
from service.settings import Settings


class Echo:
    """ASGI application: a canned answer to any POST and at any websocket, ready at any other path of HTTP."""

    def __init__(self, body: bytes, text: bool) -> None:
        self._body = body
        content: dict[str, object] = {"text": body.decode()} if text else {"bytes": body}
        self._answer = {"type": "websocket.send", **content}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            while (message := await receive())["type"] != "lifespan.shutdown":
                await send({"type": f"{message['type']}.complete"})
            await send({"type": "lifespan.shutdown.complete"})
        elif scope["type"] == "http":
            body = self._body if scope["method"] == "POST" else b""
            while (await receive()).get("more_body"):
                pass
            length = str(len(body)).encode()
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
            await send({"type": "http.response.body", "body": body})
        else:
            await receive()
            await send({"type": "websocket.accept"})
            while (await receive())["type"] == "websocket.receive":
                await send(self._answer)


def main() -> None:
    port, path, form = sys.argv[1:]
    body = Path(path).read_bytes()
    settings = Settings.read(bundle=Path(), port=int(port), drain_seconds=1.0)
    log = open_log("error", "json", sys.stderr)

    async def drained() -> None:
        return None

    with listen(settings.host, settings.port) as bound:
        DrainingServer(Echo(body, form == "json"), settings, log, drained).run([bound])


if __name__ == "__main__":
    main()
