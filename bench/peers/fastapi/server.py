"""FastAPI as one writes it in an afternoon: `/predict` replays the window that it is sent, `/stream` holds states.

The replay runs where the handler runs: the event loop has nothing else to do that it could delay.
"""

from __future__ import annotations

from fastapi import FastAPI, Request, Response, WebSocket

from bench.peers.held import Held, Replayed
from bench.peers.sockets import answer

app = FastAPI()
replayed = Replayed()
held = Held()


@app.get("/ready")
async def ready() -> str:
    return "ready"


@app.post("/predict")
async def predict(request: Request) -> Response:
    return Response(replayed.answered(await request.body()), media_type="application/json")


@app.websocket("/stream")
async def stream(websocket: WebSocket) -> None:
    await answer(websocket, held)
