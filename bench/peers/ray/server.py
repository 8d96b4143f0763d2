"""Ray Serve with a websocket on its FastAPI ingress, one replica, which holds the states.

https://docs.ray.io/en/latest/serve/http-guide.html, https://docs.ray.io/en/latest/serve/advanced-guides/dyn-req-batch.html.
Ray carries these functions to the replica without what only their annotations name, so annotations are no text here.
"""

import sys
import threading

import ray
from fastapi import FastAPI, WebSocket
from ray import serve

from bench.peers.held import Answer, Held, Reading
from bench.peers.sockets import answer

app = FastAPI()


# one replica: a session's state is in the memory of one process; each websocket is a request that lasts
@serve.deployment(num_replicas=1, max_ongoing_requests=1_000, ray_actor_options={"num_cpus": 1})
@serve.ingress(app)
class Sessions:
    """Holds the states of its sessions."""

    def __init__(self) -> None:
        self.held = Held()

    @app.get("/ready")
    async def ready(self) -> str:
        return "ready"

    @app.websocket("/stream")
    async def stream(self, websocket: WebSocket) -> None:
        await answer(websocket, self.held)

    @app.websocket("/batched")
    async def batched(self, websocket: WebSocket) -> None:
        await answer(websocket, self.held, self.step)

    @serve.batch(max_batch_size=32, batch_wait_timeout_s=0.0)
    async def step(self, readings: list[Reading]) -> list[Answer]:
        """All that wait in one step of the model, and none waits for others."""
        return self.held.answers(readings)


if __name__ == "__main__":
    port, folder = int(sys.argv[1]), sys.argv[2]
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, _node_ip_address="127.0.0.1", _temp_dir=folder)
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    serve.run(Sessions.bind())
    threading.Event().wait()
