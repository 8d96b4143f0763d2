"""The engine's one thread: takes turns between calls, looks, the stream and long histories, and tidies up when idle."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from service.engine_settings import EngineSettings
from service.errors import Draining, GatecastError, InternalError, JournalError
from service.faults import again, faults_as
from service.frame_queue import FrameQueue
from service.health import Health
from service.replies import Replies
from service.serving import Serving
from service.upkeep import Upkeep
from service.waiting import Call, Frame, Peek, WaitingRoom

CALLS_A_TURN = 16  # sessions created, looked up or deleted before the stream has its turn
STOPPED = "the engine has stopped; the service must be started again"


@dataclass(frozen=True)
class Loop:
    """Runs until the waiting room is closed and empty; what it is made of never runs anywhere else."""

    room: WaitingRoom
    queue: FrameQueue
    serving: Serving
    replies: Replies
    upkeep: Upkeep
    health: Health
    settings: EngineSettings
    clock: Callable[[], float]

    def run(self) -> None:
        """The thread, from warming up to a closed journal."""
        try:
            self._warm_up()
            wait = self.settings.idle_seconds
            while True:
                self.health.probe()
                if self.room.closed:  # nobody is to wait for states that nobody will use
                    self.serving.drop(Draining("the service is ending"))
                if self._turn_on():
                    self.upkeep.between_batches()
                    wait = self.settings.idle_seconds
                elif self.room.closed:
                    break
                elif not self.upkeep.pending:
                    times = self.health.seconds_to_probe(), self.upkeep.seconds()
                    self.room.wait(min((each for each in times if each is not None), default=None))
                elif not self.room.wait(wait):
                    self.upkeep.when_idle()
                    wait = 0.0  # further pieces at once, as long as nobody comes
        finally:
            self._stop()

    def _turn_on(self) -> bool:
        """A turn that may fail as a whole: its callers are told, and the next turn is another one."""
        try:
            with faults_as(InternalError, "the engine failed; ask for the session's last step, then send again"):
                return self._turn()
        except GatecastError as error:
            self._tell(self.queue.in_hand, error)
            self.health.note(error)
            return True

    def _warm_up(self) -> None:
        until = self.clock() + self.settings.warm_up_seconds
        try:
            core = self.serving.core
            core.model.warm_up(
                core.limit, self.settings.chunk, self.settings.history_batch, lambda: self.clock() < until
            )
            self.health.say(True, "ready")
        except GatecastError as error:
            self.health.note(error)

    def _turn(self) -> bool:
        """Calls, looks, one batch of the stream, one chunk of histories; False if there was nothing to do."""
        self._forget_after_renewal()
        called, core = self._answer_calls(), self.serving.core
        self._forget_after_failure()
        looked = core.peeks.turn()
        self._forget_after_failure()
        began = self.clock()
        read = core.stream.turn()
        batch = self.clock() - began if read else 0.0
        ran = self.serving.run_chunk()
        self.replies.send()
        followed = self.serving.follow(batch)
        if core.replays.settled:
            core.replays.settled = False
            self.queue.release()
            core.peeks.release()
            return True
        return called or looked or read or ran or followed

    def _forget_after_failure(self) -> None:
        """A shared journal that has failed may come back as another server, whose sessions have another past."""
        registry = self.serving.core.registry
        if self.health.journal_failed and registry.journal.shared:
            self.serving.forget_all()
        self.health.journal_failed = False

    def _forget_after_renewal(self) -> None:
        """So it may where nobody asked while it was gone, and nothing has failed."""
        registry = self.serving.core.registry
        if registry.journal.shared:
            try:
                with faults_as(JournalError, "the journal could not be reached"):
                    renewed = registry.journal.renewed()
            except GatecastError as error:
                self.health.note(error)
            else:
                if renewed:
                    self.serving.forget_all()

    def _answer_calls(self) -> bool:
        calls = [self.room.calls.popleft() for _ in range(min(CALLS_A_TURN, len(self.room.calls)))]
        for call in calls:
            if call.caller.gone:
                continue
            self._forget_after_failure()
            result: object
            try:
                with faults_as(InternalError, "the engine failed on this call; it may be tried again"):
                    result = call.action(call.caller)
            except GatecastError as error:
                self.health.note(error)
                result = error
            if result is not None:
                self.replies.answer(call.caller, result)
        self.replies.send()
        return bool(calls)

    def _stop(self) -> None:
        """Nobody is left waiting, whatever ended the loop."""
        self.room.close(STOPPED)
        self.queue.release()
        self.serving.core.peeks.release()
        error = InternalError(STOPPED)
        for lane in (self.queue.in_hand, self.queue.begun, self.room.frames, self.room.peeks, self.room.calls):
            self._tell(lane, error)
        self.serving.stop(error)
        self.replies.send()
        self.upkeep.finish()

    def _tell(self, those: Iterable[Frame | Peek | Call], error: GatecastError) -> None:
        """Answers with an error whoever has no answer yet."""
        for each in those:
            self.replies.answer(each.caller, again(error))
        self.replies.send()
