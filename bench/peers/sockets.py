"""The websocket that users write on FastAPI: a frame of readings in, its answer out; several peers mount it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import WebSocket, WebSocketDisconnect

from bench.peers.held import Answer, Held, Reading, decode, encode


async def answer(websocket: WebSocket, held: Held, step: Callable[[Reading], Awaitable[Answer]] | None = None) -> None:
    """Until the client goes; where there is a `step` of the server's own, readings that come alone are left to it."""
    await websocket.accept()
    try:
        while True:
            body = decode(await websocket.receive_text())
            told = held.told(body) if step is None or isinstance(body, list) else await step(body)
            await websocket.send_text(encode(told).decode())
    except WebSocketDisconnect:
        return
