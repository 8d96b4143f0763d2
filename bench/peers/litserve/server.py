"""LitServe over HTTP, since it has no websocket: one worker holds the states.

`fast_queue` is what its documentation advises above 100 requests a second. https://lightning.ai/docs/litserve
"""

import sys

import litserve
import msgspec
from fastapi import Response

from bench.peers.held import Held, Reading, encode


class Sessions(litserve.LitAPI):
    """A request is one reading, or a list of them."""

    def setup(self, device):  # noqa: ARG002
        self.held = Held()

    def decode_request(self, request):
        return msgspec.convert(request, Reading | list[Reading])

    def predict(self, x):
        return self.held.told(x)

    def encode_response(self, output):
        return Response(encode(output), media_type="application/json")


if __name__ == "__main__":
    server = litserve.LitServer(Sessions(api_path="/predict"), accelerator="cpu", workers_per_device=1, fast_queue=True)
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), num_api_servers=1, generate_client_file=False, log_level="error"
    )
