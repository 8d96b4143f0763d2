"""The Open Inference Protocol by gRPC. Nothing of it is imported unless a port for it is set."""
