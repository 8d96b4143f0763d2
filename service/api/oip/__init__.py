"""The Open Inference Protocol, version 2, with Triton's sequences: its models, tensors and requests."""
