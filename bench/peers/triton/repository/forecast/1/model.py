"""A stateful model of Triton's Python backend: the states of its sequences are in a dict."""

import numpy as np
import triton_python_backend_utils as pb_utils

from bench.peers.held import Held


class TritonPythonModel:
    def initialize(self, args):  # noqa: ARG002
        self.held = Held()

    def execute(self, requests):
        """One step for all requests of the batch, each of another sequence."""
        value, time, start, end, sequence = (
            [pb_utils.get_input_tensor_by_name(request, name).as_numpy().ravel()[0] for request in requests]
            for name in ("VALUE", "TIME", "START", "END", "CORRID")
        )
        for begins, name in zip(start, sequence, strict=True):
            if begins:
                self.held.forget(name)
        quantiles = self.held.step(sequence, np.array(value), np.array(time))
        for ends, name in zip(end, sequence, strict=True):
            if ends:
                self.held.forget(name)
        return [
            pb_utils.InferenceResponse([pb_utils.Tensor("QUANTILES", np.ascontiguousarray(quantiles[at : at + 1]))])
            for at in range(len(requests))
        ]
