"""The websocket that users write on FastAPI: a frame of readings in, its answer out; several peers mount it."""

from __future__ import annotations

from fastapi import WebSocket, WebSocketDisconnect

from bench.peers.held import Held


async def answer(websocket: WebSocket, held: Held) -> None:
    """Until the client goes."""
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(held.answered(await websocket.receive_text()).decode())
    except WebSocketDisconnect:
        return
