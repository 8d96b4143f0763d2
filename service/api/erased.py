"""What an erasure is answered with: the sessions that are gone, and the files of them that are out of reach."""

from __future__ import annotations

from pydantic import Field

from service.api.told_schemas import Answered


class ExportedFile(Answered):
    session: str
    at: str = Field(description="when it was exported, in UTC")
    last_step: int | None
    sha256: str


class ErasedAnswer(Answered):
    erased: list[str] = Field(description="the session and its forks")
    exports: list[ExportedFile] = Field(description="files of them that were handed out before")
