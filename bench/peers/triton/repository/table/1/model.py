"""A model of Triton's Python backend whose requests name their sessions: the states are in a dict."""

import numpy as np
import triton_python_backend_utils as pb_utils

from bench.peers.held import Held


class TritonPythonModel:
    def initialize(self, args):  # noqa: ARG002
        self.held = Held()

    def execute(self, requests):
        responses = []
        for request in requests:
            value, time, session = (
                pb_utils.get_input_tensor_by_name(request, name).as_numpy().ravel()
                for name in ("VALUE", "TIME", "SESSION")
            )
            quantiles = self.held.step(session.tolist(), value, time)
            tensor = pb_utils.Tensor("QUANTILES", np.ascontiguousarray(quantiles))
            responses.append(pb_utils.InferenceResponse([tensor]))
        return responses
