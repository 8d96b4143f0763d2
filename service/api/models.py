"""/v1/models: the versions that there are, and a new one deployed, promoted and taken back while all others go on."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import unquote

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from service.api import openapi, problems
from service.api.edge import Edge
from service.api.told_schemas import Answered
from service.bundle import Bundle
from service.deployments import Deployments
from service.errors import Draining, Overloaded, WrongType
from service.follower import Standing
from service.refusals import (
    AlreadyServed,
    BrokenVersion,
    CandidateFailed,
    CandidateNotReady,
    DeployUnderWay,
    ModelMisfit,
    NoCandidate,
    NoModels,
    NoRollback,
    NotBetter,
    NotRecorded,
    UnknownVersion,
    UnsafeVersion,
)
from service.scores import Score
from service.succession import Gate


class Errors(Answered):
    """One step ahead, in the units of the target."""

    mae: float
    quantile_loss: float


class Compared(Answered):
    """Both models on the same readings."""

    readings: int
    current: Errors | None = None
    candidate: Errors | None = None


class Served(Answered):
    version: str | None = Field(None, description="null for a bundle that is not of the directory of models")
    name: str
    digest: str
    holidays_until: str | None = Field(None, description="the last day of which it knows whether it is a holiday")
    holidays_passed: bool = Field(False, description="forecasts have gone beyond that day: train anew")


class Rebuilt(Answered):
    """Sessions whose states the candidate has to have."""

    rebuilt: int
    left: int
    lost: int = Field(description="whose readings are damaged: no model can have their state")


class CandidateAnswer(Answered):
    version: str
    digest: str
    shadow: bool = Field(description="it waits to be promoted, and is not as soon as it is ready")
    state: Literal["loading", "rebuilding", "ready", "failed"]
    sessions: Rebuilt
    scores: Compared
    error: dict[str, Any] | None = None


class Previous(Answered):
    """The model before, which keeps up for a rollback."""

    version: str | None = None
    digest: str
    scores: Compared = Field(description="current is the one that serves, candidate this one")


class ModelsAnswer(Answered):
    versions: list[str]
    current: Served
    candidate: CandidateAnswer | None = None
    previous: Previous | None = None


_VERSION = Path(description="a directory of the directory of models")
_ANY = (NoModels, WrongType, Overloaded, Draining)


def router(edge: Edge, deployments: Deployments) -> APIRouter:
    """The endpoints, around this edge."""
    routes = APIRouter(prefix="/v1/models", tags=["operations"])  # versions come url-encoded, as sent
    example = {"a candidate in the shadow": _example(edge)}

    @routes.get(
        "",
        summary="The versions, which one serves, and how a candidate does",
        response_class=Response,
        responses=openapi.answers({200: (ModelsAnswer, example)}),
    )
    async def models() -> Response:
        return _answer(edge, deployments)

    @routes.post(
        "/{version}/deploy",
        summary="Bring a version up beside the one that serves",
        description="It is loaded, warmed up, and given the states of live sessions by replay; every reading that "
        "comes is run on it too. With `shadow=true` it goes on so until it is promoted, else it is promoted once it "
        "is ready. GET /v1/models tells how far it is.",
        status_code=202,
        response_class=Response,
        responses=openapi.answers(
            {202: (ModelsAnswer, example)},
            UnknownVersion, UnsafeVersion, BrokenVersion, AlreadyServed, ModelMisfit, DeployUnderWay, *_ANY,
        ),
    )  # fmt: skip
    async def deploy(
        version: str = _VERSION, shadow: bool = Query(False, description="wait to be promoted")
    ) -> Response:
        await deployments.deploy(unquote(version), shadow)
        return _answer(edge, deployments, 202)

    @routes.post(
        "/{version}/promote",
        summary="Let the candidate serve from the next batch on",
        description="With `max_ratio`, only if its quantile loss is at most so many times that of the current model "
        "over at least `readings` readings that both have forecast.",
        response_class=Response,
        responses=openapi.answers(
            {200: (ModelsAnswer, example)},
            NoCandidate, CandidateNotReady, CandidateFailed, NotBetter, NotRecorded, *_ANY,
        ),
    )  # fmt: skip
    async def promote(
        version: str = _VERSION,
        max_ratio: float | None = Query(None, gt=0, description="of the candidate's error over the current model's"),
        readings: int = Query(1, ge=1, description="that the errors are to be taken over"),
    ) -> Response:
        await deployments.promote(unquote(version), None if max_ratio is None else Gate(max_ratio, readings))
        return _answer(edge, deployments)

    @routes.post(
        "/rollback",
        summary="Let the version before serve again",
        response_class=Response,
        responses=openapi.answers({200: (ModelsAnswer, example)}, NoRollback, NotRecorded, *_ANY),
    )
    async def rollback() -> Response:
        await deployments.rollback()
        return _answer(edge, deployments)

    @routes.delete(
        "/candidate",
        summary="Give the candidate up, or let the version before go",
        response_class=Response,
        responses=openapi.answers({200: (ModelsAnswer, example)}, NoCandidate, *_ANY),
    )
    async def dismiss() -> Response:
        await deployments.dismiss()
        return _answer(edge, deployments)

    return routes


def _answer(edge: Edge, deployments: Deployments, status: int = 200) -> Response:
    with edge.engine.steady:
        told = _told(edge, deployments)
    return openapi.json_response(told.model_dump(), status)


def _told(edge: Edge, deployments: Deployments) -> ModelsAnswer:
    bundle, found = edge.engine.runtime.bundle, edge.engine.follower
    candidate = previous = None
    if deployments.candidate is not None and deployments.state is not None:
        standing, error = deployments.standing, deployments.failure
        candidate = CandidateAnswer(
            version=deployments.candidate.version,
            digest=deployments.candidate.digest,
            shadow=deployments.candidate.shadow,
            state=deployments.state,
            sessions=Rebuilt(rebuilt=0, left=0, lost=0)
            if standing is None
            else Rebuilt(rebuilt=standing.rebuilt, left=standing.left, lost=standing.lost),
            scores=_compared(standing),
            error=None if error is None else problems.fault(error),
        )
    if found is not None and found.role == "previous" and found.error is None:
        previous = Previous(version=deployments.previous, digest=found.digest, scores=_compared(found))
    return ModelsAnswer(
        versions=deployments.names,
        current=_served(deployments.version, bundle, edge.engine.holidays_passed),
        candidate=candidate,
        previous=previous,
    )


def _served(version: str | None, bundle: Bundle, passed: bool) -> Served:
    manifest, until = bundle.manifest, bundle.manifest.holidays_until
    return Served(
        version=version,
        name=manifest.name,
        digest=bundle.digest,
        holidays_until=None if until is None else until.isoformat(),
        holidays_passed=passed,
    )


def _compared(standing: Standing | None) -> Compared:
    if standing is None:
        return Compared(readings=0, current=None, candidate=None)
    scores = standing.scores
    return Compared(readings=scores.readings, current=_errors(scores.leader), candidate=_errors(scores.follower))


def _errors(score: Score | None) -> Errors | None:
    return None if score is None else Errors(mae=score.mae, quantile_loss=score.quantile_loss)


def _example(edge: Edge) -> dict[str, object]:
    candidate = CandidateAnswer(
        version="2026-11-21",
        digest="9f" * 32,
        shadow=True,
        state="ready",
        sessions=Rebuilt(rebuilt=1200, left=0, lost=0),
        scores=Compared(
            readings=5000,
            current=Errors(mae=1.52, quantile_loss=0.61),
            candidate=Errors(mae=1.43, quantile_loss=0.57),
        ),
        error=None,
    )
    bundle = edge.bundle
    answer = ModelsAnswer(
        versions=["2026-11-01", "2026-11-21"],
        current=_served("2026-11-01", bundle, False),
        candidate=candidate,
        previous=None,
    )
    return answer.model_dump()
