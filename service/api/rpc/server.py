"""The server of gRPC: a port of its own in the same process, begun and ended with the service."""

from __future__ import annotations

import grpc

from service.api.rpc.calls import Calls
from service.errors import SettingsError
from service.settings import Settings

_MILLI = 1_000
_PATIENCE = 3  # pings


class RpcServer:
    """Serves `calls` from `start` to `stop`; `port` is where, once it was started."""

    def __init__(self, calls: Calls, settings: Settings) -> None:
        self.port: int | None = None
        self._calls = calls
        self._settings = settings
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """In the loop that is to serve; `SettingsError` where the port cannot be had."""
        settings = self._settings
        ping = int(settings.ping_seconds * _MILLI)
        options = [
            ("grpc.max_receive_message_length", settings.body_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.max_metadata_size", settings.head_bytes),
            ("grpc.so_reuseport", 0),  # a port that another process has is refused, not shared
            ("grpc.keepalive_time_ms", ping),
            ("grpc.keepalive_timeout_ms", _PATIENCE * ping),
            ("grpc.http2.min_ping_interval_without_data_ms", ping // _PATIENCE),
        ]
        server = grpc.aio.server(options=options)
        server.add_generic_rpc_handlers((self._calls.handler(),))
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        address = f"{host}:{settings.grpc_port}"
        try:
            self.port = self._bound(server, address)
        except RuntimeError as fault:
            raise SettingsError(f"cannot listen on {address} for gRPC: choose another --grpc-port") from fault
        await server.start()
        self._server = server

    async def stop(self, seconds: float) -> None:
        """Takes no more calls, and returns when those that there are have ended; after so long they are cut off."""
        if self._server is not None:
            await self._server.stop(seconds)

    def _bound(self, server: grpc.aio.Server, address: str) -> int:
        certificate, key = self._settings.tls_certificate, self._settings.tls_key
        if certificate is None or key is None:
            return int(server.add_insecure_port(address))
        credentials = grpc.ssl_server_credentials([(key.read_bytes(), certificate.read_bytes())])
        return int(server.add_secure_port(address, credentials))
