"""TLS: a certificate and its key, read once at the start, and how long the certificate is good."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from service.errors import SettingsError
from service.logs import Log
from service.settings import Settings

_UTC_TIME, _GENERAL_TIME, _VERSION = 0x17, 0x18, 0xA0  # tags of DER (ITU-T X.690)


def tls_context(settings: Settings, log: Log, now: datetime | None = None) -> ssl.SSLContext | None:
    """What connections are encrypted with, None where it was not asked for; `SettingsError` says what cannot be used.

    A certificate that is past its time is warned of in the log: clients that check it will refuse it.
    """
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        there, missing = "--tls-certificate", "--tls-key"
        if certificate is None:
            there, missing = missing, there
        raise SettingsError(f"{there} was given without {missing}: TLS takes both, the certificate and its key")
    for option, path in (("--tls-certificate", certificate), ("--tls-key", key)):
        try:
            path.read_bytes()
        except OSError as fault:
            raise SettingsError(f"{option}: {path} cannot be read: {fault.strerror}") from fault
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # whatever the machine's own configuration allows
    try:
        context.load_cert_chain(certificate, key, password=lambda: _no_password(key))
    except ssl.SSLError as wrong:
        if wrong.reason == "KEY_VALUES_MISMATCH":
            raise SettingsError(f"--tls-key: {key} is not the key of the certificate {certificate}") from wrong
        raise SettingsError(f"{certificate} and {key} are no certificate and key in PEM: {wrong.reason}") from wrong
    ends = valid_until(certificate)
    if ends is not None and ends <= (now or datetime.now(UTC)):
        log.warning("the certificate has expired; clients that check it will not connect", expired=ends.isoformat())
    return context


def valid_until(certificate: Path) -> datetime | None:
    """The last moment of the first certificate in the file; None where its form is not the usual one.

    A certificate is `SEQUENCE {SEQUENCE {[0] version?, serial, algorithm, issuer, validity {from, until}, …}, …}`
    (RFC 5280, section 4.1), which is all that is read of it here.
    """
    blocks = re.search(
        "-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", certificate.read_text("latin-1"), re.DOTALL
    )
    try:
        whole = ssl.PEM_cert_to_DER_cert(blocks[0]) if blocks else b""
        (_, outer), *_ = _elements(whole)
        (_, signed), *_ = _elements(outer)
        fields = [(tag, content) for tag, content in _elements(signed) if tag != _VERSION]
        (_, _), (tag, until) = _elements(fields[3][1])
        form = {_UTC_TIME: "%y%m%d%H%M%SZ", _GENERAL_TIME: "%Y%m%d%H%M%SZ"}[tag]
        return datetime.strptime(until.decode("ascii"), form).replace(tzinfo=UTC)
    except (ValueError, IndexError, KeyError):
        return None


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tags and contents of what stands one after the other in DER."""
    at = 0
    while at < len(data):
        tag, size, at = data[at], data[at + 1], at + 2
        if size > 0x7F:  # then it says how many bytes the size itself has
            more = size & 0x7F
            size, at = int.from_bytes(data[at : at + more], "big"), at + more
        yield tag, data[at : at + size]
        at += size


def _no_password(key: Path) -> str:
    raise SettingsError(f"--tls-key: {key} is encrypted with a password; give a key without one, readable by its owner")
