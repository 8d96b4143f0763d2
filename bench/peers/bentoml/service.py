"""BentoML with a websocket as its documentation has it: a FastAPI application mounted on the service, one worker.

https://docs.bentoml.com/en/latest/build-with-bentoml/websocket.html
"""

import bentoml
from fastapi import FastAPI, WebSocket

from bench.peers.held import Held
from bench.peers.sockets import answer

app = FastAPI()


# one worker: a session's state is in the memory of one process
@bentoml.service(workers=1, traffic={"timeout": 60}, logging={"access": {"enabled": False}})
@bentoml.asgi_app(app, path="/sessions")
class Sessions:
    """Holds the states of its sessions."""

    def __init__(self) -> None:
        self.held = Held()

    @app.websocket("/stream")
    async def stream(self, websocket: WebSocket) -> None:
        await answer(websocket, self.held)
