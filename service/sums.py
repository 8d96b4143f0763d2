"""Quantiles of the sum over the first steps of a forecast: quantiles do not add, what may happen together does.

A forecast says of each step alone how it may turn out; the manifest's `dependence` says how the steps of one forecast
turn out together. From both come a thousand courses that the series may take, and their sums have quantiles (Pinson et
al. 2009, as in models/training/dependence.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from service.bundle import Manifest
from service.errors import BundleError, GatecastError
from service.support import held

Array = NDArray[np.float64]

COURSES = 1_000
_SEED = 20


class NoSums(GatecastError):
    """Sums were asked of a model whose bundle does not say how the steps of a forecast depend on each other."""

    code, status = "no_sums", 409


class Sums:
    """Sums of one bundle's forecasts. Courses are the same for every forecast, so that asking again is answered again.

    A course is a point of a normal variable for each step. Where it lies between the points of two levels it takes the
    step's value between their quantiles, beyond the outer ones it goes on straight: a weighted sum of quantiles with
    weights that no forecast changes. So the sums of all courses are one matrix product.
    """

    def __init__(self, manifest: Manifest) -> None:
        """`BundleError` if the manifest says nothing of how steps depend on each other, or nothing that can be."""
        if manifest.dependence is None or len(manifest.quantiles) < 2:
            raise BundleError(f"{manifest.name}: the manifest has no dependence, so sums have no quantiles")
        self._manifest = manifest
        correlation = np.array(manifest.dependence)
        steps = np.arange(manifest.horizon)
        try:
            self._root = np.linalg.cholesky(correlation[np.abs(np.subtract.outer(steps, steps))])  # (horizon, horizon)
        except np.linalg.LinAlgError as unsound:
            raise BundleError(
                f"{manifest.name}: the manifest's dependence is no correlation over {manifest.horizon} steps; "
                "export the run again"
            ) from unsound

    def of(self, forecasts: Array, steps: Sequence[int], levels: Sequence[float]) -> Array:
        """Quantiles at these levels of the sums over the first so many steps, (rows, len(steps), len(levels)).

        forecasts (rows, horizon, quantiles), in the order of the manifest's levels.
        """
        rows, width = len(forecasts), forecasts.shape[2]
        found = np.empty((rows, len(steps), len(levels)))
        if not rows:  # readings that were all refused, or whose forecast nobody wants yet
            return found
        flat = np.ascontiguousarray(forecasts).reshape(rows, -1)
        total, done = np.zeros((rows, COURSES)), 0
        for at in np.argsort(steps, kind="stable").tolist():
            part = slice(done * width, steps[at] * width)
            total += np.einsum("rq,qc->rc", flat[:, part], self._weights[part])  # no threads of its own, as `@` has
            done = steps[at]
            found[:, at] = _quantiles(total, levels)
        return held(found, self._manifest)

    @cached_property
    def _weights(self) -> Array:
        """Of each quantile of each step in every course, (horizon * quantiles, courses)."""
        manifest = self._manifest
        levels = np.array(manifest.quantiles)
        order = np.argsort(levels)
        points = np.array([NormalDist().inv_cdf(level) for level in levels[order].tolist()])
        weights = np.zeros((manifest.horizon, len(levels), COURSES))
        each = np.arange(COURSES)
        for step, course in enumerate(self._courses.T):
            at = np.clip(np.searchsorted(points, course), 1, len(points) - 1)
            share = (course - points[at - 1]) / (points[at] - points[at - 1])
            weights[step, order[at - 1], each] = 1.0 - share
            weights[step, order[at], each] = share
        return weights.reshape(-1, COURSES)

    @property
    def _courses(self) -> Array:
        """Normal points (courses, horizon) with the bundle's correlation.

        Along the direction in which all steps move together, which decides most of a sum, they are spread evenly and
        not drawn, which is worth many times as many courses. The generator is one whose numbers never change.
        """
        draws = np.random.RandomState(_SEED)
        normal = draws.standard_normal((COURSES, self._manifest.horizon))
        together = self._root.T.sum(axis=1)
        together /= np.linalg.norm(together)
        even = np.array([NormalDist().inv_cdf((at + 0.5) / COURSES) for at in range(COURSES)])
        normal += np.outer(draws.permutation(even) - normal @ together, together)
        return np.asarray(normal @ self._root.T)


def _quantiles(totals: Array, levels: Sequence[float]) -> Array:
    """Of sums (rows, courses), which are sorted in place of a copy, at each level: (rows, levels)."""
    ordered = np.sort(totals, axis=1)
    place = np.clip(np.array(levels) * COURSES - 0.5, 0, COURSES - 1)
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, COURSES - 1)
    return np.asarray(ordered[:, low] + (place - low) * (ordered[:, high] - ordered[:, low]))
