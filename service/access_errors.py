"""The errors of keys and of who may come in, each with its code and status once, as those of errors.py."""

from __future__ import annotations

from service.errors import BadRequest, GatecastError


class Unauthenticated(GatecastError):
    """A request or a stream without a key, or with one that is unknown, expired or revoked."""

    code, status = "unauthenticated", 401


class Forbidden(GatecastError):
    """A key without the scope that this needs; `scope` says which one."""

    code, status = "forbidden", 403


class OriginRefused(GatecastError):
    """A stream, or a request that may change something, from a page of another site than those that are allowed."""

    code, status = "origin_refused", 403


class HostRefused(GatecastError):
    """A request or a stream for a host by a name that is not among those of this service."""

    code, status = "host_refused", 421


class KeyInAddress(BadRequest):
    """A key as part of an address, where logs and histories keep it."""

    code, status = "key_in_address", 400


class AccessUnavailable(GatecastError):
    """The service cannot read its keys now, and lets nobody in on what it cannot check."""

    code, status = "access_unavailable", 503


class KeysError(GatecastError):
    """A file of keys that cannot be read or written, or a key in it that is not there."""

    code = "keys"
