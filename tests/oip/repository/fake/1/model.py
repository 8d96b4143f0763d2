"""What the fake runtime forecasts, as users of Triton's Python backend write it: states in a dict."""

import numpy as np
import triton_python_backend_utils as pb_utils

KEEP, HORIZON, LEVELS, DAY = np.float32(0.75), 3, (0.1, 0.5, 0.9), 86_400
SPREAD = np.sqrt(np.arange(1, HORIZON + 1, dtype=np.float32))[:, None] * (np.float32(LEVELS) - np.float32(0.5))
TILT = (np.arange(1, HORIZON + 1, dtype=np.float32) / np.float32(HORIZON))[:, None]


class TritonPythonModel:
    def initialize(self, args):  # noqa: ARG002
        self.states = {}

    def execute(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        name, flags = request.correlation_id(), request.flags()
        step, mean, _ = self.states.get(name, (-1, None, None))
        if flags & pb_utils.TRITONSERVER_REQUEST_FLAG_SEQUENCE_START:
            step, mean = -1, None
        last = np.float32(pb_utils.get_input_tensor_by_name(request, "y").as_numpy().ravel()[0])
        step, mean = step + 1, last if mean is None else KEEP * mean + (1 - KEEP) * last
        self.states[name] = step, mean, last
        if flags & pb_utils.TRITONSERVER_REQUEST_FLAG_SEQUENCE_END:
            del self.states[name]
        level = mean + np.float32(step % DAY) / DAY + np.float32(0.01) * (step + 1)
        quantiles = (level + (last - mean) * TILT + SPREAD).astype(np.float64)
        return pb_utils.InferenceResponse(
            [
                pb_utils.Tensor("quantiles", quantiles[None]),
                pb_utils.Tensor("median", np.ascontiguousarray(quantiles[None, :, LEVELS.index(0.5)])),
                pb_utils.Tensor("step", np.array([[step]], np.int64)),
                pb_utils.Tensor("ds", np.array([[str(step).encode()]], np.object_)),
            ]
        )
