"""TLS: which certificates and keys are taken, and what is said of those that are not."""

from __future__ import annotations

import io
import json
import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.errors import SettingsError
from service.logs import open_log
from service.settings import Settings
from service.tls import tls_context, valid_until
from tests.certificates import self_signed


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return self_signed(tmp_path_factory.mktemp("tls"))


def opened(
    certificate: Path | None, key: Path | None, now: datetime | None = None
) -> tuple[ssl.SSLContext | None, str]:
    log = io.StringIO()
    settings = Settings.read(bundle="b", tls_certificate=certificate, tls_key=key)
    return tls_context(settings, open_log("debug", "json", log), now), log.getvalue()


def test_a_certificate_and_its_key_are_taken(pair) -> None:
    context, said = opened(*pair)
    assert context is not None
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert said == ""


def test_without_either_nothing_is_encrypted() -> None:
    assert opened(None, None) == (None, "")


def test_one_without_the_other_is_refused(pair) -> None:
    with pytest.raises(SettingsError, match=r"--tls-certificate was given without --tls-key"):
        opened(pair[0], None)
    with pytest.raises(SettingsError, match=r"--tls-key was given without --tls-certificate"):
        opened(None, pair[1])


def test_what_cannot_be_read_is_named(pair, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"--tls-certificate: .*missing.pem cannot be read: No such file"):
        opened(tmp_path / "missing.pem", pair[1])
    with pytest.raises(SettingsError, match=r"--tls-key: .* cannot be read: Is a directory"):
        opened(pair[0], tmp_path)


def test_a_key_of_another_certificate_is_refused(pair, tmp_path: Path) -> None:
    _, other = self_signed(tmp_path, "other")
    with pytest.raises(SettingsError, match=r"other.key is not the key of the certificate .*own.pem"):
        opened(pair[0], other)


def test_what_is_no_certificate_is_refused(pair, tmp_path: Path) -> None:
    (tmp_path / "text.pem").write_text("hello")
    with pytest.raises(SettingsError, match="no certificate and key in PEM"):
        opened(tmp_path / "text.pem", pair[1])


def test_a_key_with_a_password_is_refused_and_not_asked_for(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, "locked", "-passout", "pass:secret")
    with pytest.raises(SettingsError, match="is encrypted with a password"):
        opened(certificate, key)


def test_the_end_of_a_certificate_is_read_as_openssl_reads_it(pair) -> None:
    command = ["openssl", "x509", "-in", str(pair[0]), "-noout", "-enddate"]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout.strip()
    ends = valid_until(pair[0])
    assert ends is not None
    assert f"notAfter={ends:%b} {ends.day:2} {ends:%H:%M:%S %Y} GMT" == said


def test_an_end_after_2049_is_read_too(tmp_path: Path) -> None:
    certificate, _ = self_signed(tmp_path, "long", "-nodes", "-days", "20000")
    ends = valid_until(certificate)
    assert ends is not None
    assert ends.year > 2049


def test_an_expired_certificate_is_warned_of(pair) -> None:
    ends = valid_until(pair[0])
    assert ends is not None
    assert opened(*pair, now=ends - timedelta(seconds=1))[1] == ""
    context, said = opened(*pair, now=ends)
    assert context is not None
    (line,) = [json.loads(each) for each in said.splitlines()]
    assert (line["level"], line["expired"]) == ("warning", ends.isoformat())
    assert ends.tzinfo is UTC


def test_a_certificate_of_an_unusual_form_is_not_judged(tmp_path: Path) -> None:
    for text in ("", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----", "-----BEGIN CERTIFICATE-----"):
        (tmp_path / "odd.pem").write_text(text)
        assert valid_until(tmp_path / "odd.pem") is None
