"""ModelStreamInfer: requests and answers on one call; those of one sequence in order, others as they are done."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import grpc

from service.access import Caller
from service.api import problems
from service.api.oip.inference import Inference
from service.api.oip.messages import Watch
from service.api.rpc.conversion import message_of, put, read, request_of
from service.api.rpc.door import FAILED, RpcDoor
from service.api.rpc.messages import message
from service.errors import Draining, GatecastError, InternalError
from service.faults import faults_as, told
from service.settings import Settings

AT_ONCE = 128  # requests of one call that are worked on
ERRORS_END = "triton_grpc_error"  # a header: errors end the call with their status
ModelStreamInferResponse = message("ModelStreamInferResponse")


class InferStream:
    """One call. It can be ended as any stream: what was taken is answered first."""

    def __init__(self, inference: Inference, door: RpcDoor, caller: Caller, context: Any, settings: Settings) -> None:
        self.caller = caller
        self._inference = inference
        self._door = door
        self._context = context
        self._idle = settings.stream_idle_seconds
        self._room = asyncio.Semaphore(AT_ONCE)
        self._writing = asyncio.Lock()
        self._answers: set[asyncio.Task[None]] = set()
        self._reader: asyncio.Task[None] | None = None
        self._farewell: str | None = None
        self._fatal: GatecastError | None = None
        metadata = context.invocation_metadata() or ()
        self._errors_end = any(name == ERRORS_END and value in ("true", "1") for name, value in metadata)

    def end(self, code: int, reason: str) -> None:  # noqa: ARG002 (the code is a websocket's)
        """Take no more requests; answer those that were taken, then end the call."""
        self._farewell = self._farewell or reason
        if self._reader is not None:
            self._reader.cancel()

    async def run(self) -> None:
        """Until the client has sent all and is answered; `Draining` where it is we who end it."""
        self._reader = asyncio.create_task(self._read())
        if self._farewell is not None:
            self._reader.cancel()
        try:
            await asyncio.wait({self._reader})
            if not self._reader.cancelled():
                self._reader.result()
        finally:
            self._reader.cancel()
            if self._answers:  # what was taken is recorded to its end, whether anybody waits for it or not
                await asyncio.wait(self._answers)
        if self._fatal is not None:
            raise self._fatal
        if self._farewell is not None:
            raise Draining(self._farewell)

    async def _read(self) -> None:
        while True:
            await self._room.acquire()
            try:
                sent = await asyncio.wait_for(self._context.read(), self._idle)
            except TimeoutError:
                self._farewell = f"idle: no request for {self._idle:g} s; call again when there is one"
                return
            if sent is grpc.aio.EOF:
                return
            # Tasks begin in the order in which they were made, up to where a request waits for those of its sequence.
            task = asyncio.create_task(self._answer(sent))
            self._answers.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._answers.discard(task)
        self._room.release()

    async def _answer(self, data: bytes) -> None:
        told_of: Any
        sent = None
        try:
            with faults_as(InternalError, FAILED):
                self._door.pace(self.caller)
                sent = read("ModelInferRequest", data)
                answer = await self._inference.infer(request_of(sent), self.caller, Watch())
                told_of = ModelStreamInferResponse(infer_response=message_of(answer, final=True))
        except GatecastError as error:
            self._door.failed(error)
            if self._errors_end:
                self._fatal = self._fatal or error
                self.end(0, error.message)
                return
            told_of = _refusal(sent, error)
            told(error)
        async with self._writing:
            with suppress(grpc.aio.BaseError, grpc.aio.InternalError, asyncio.InvalidStateError):  # the client has left
                await self._context.write(told_of)


def _refusal(sent: Any, error: GatecastError) -> Any:
    """An answer with an error, and the id of its request if that could be read."""
    told_of = ModelStreamInferResponse(error_message=str(problems.document(error)["detail"]))
    if sent is not None:
        told_of.infer_response.id = sent.id
        told_of.infer_response.model_name = sent.model_name
    put(told_of.infer_response, "code", error.code)
    return told_of
