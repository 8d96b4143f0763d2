"""The compose file's parts agree with each other: names, mounts, profiles, and images that stay what they are."""

from __future__ import annotations

import re

import yaml

from tests.observe.prometheus import DEPLOY

ROOT = DEPLOY.parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]


def test_prometheus_may_call_the_service_by_the_name_that_it_uses() -> None:
    """A service without keys answers to no name that it was not told (421 `host_refused`)."""
    scraped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    (target,) = [each for job in scraped for config in job.get("static_configs", []) for each in config["targets"]]
    name, port = target.split(":")
    assert name in SERVICES
    assert SERVICES[name]["environment"]["GATECAST_HOSTS"] == name
    assert port in SERVICES[name]["command"]
    (replicas,) = [each["names"] for job in scraped for each in job.get("dns_sd_configs", [])]
    assert set(replicas) <= set(SERVICES)


def test_each_profile_has_its_services_and_the_default_no_others() -> None:
    profiles = {name: service.get("profiles", []) for name, service in SERVICES.items()}
    assert {name for name, some in profiles.items() if not some} == {"train", "gatecast"}
    assert {name for name, some in profiles.items() if some == ["scale"]} == {"redis", "replica", "balancer"}
    assert {name for name, some in profiles.items() if some == ["observe"]} == {"prometheus", "grafana"}


def test_what_is_mounted_is_there_and_may_not_be_written() -> None:
    for name, service in SERVICES.items():
        for mount in service.get("volumes", []):
            source, target, *mode = mount.split(":")
            assert target.startswith("/"), (name, mount)
            if source.startswith("."):
                assert (ROOT / source).is_dir(), (name, mount)
                assert mode == ["ro"], (name, mount)
            else:
                assert source in COMPOSE["volumes"], (name, mount)


def test_nothing_is_published_beyond_this_machine() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(published) == 4
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_images_of_others_are_of_a_version() -> None:
    others = {name: service["image"] for name, service in SERVICES.items() if "image" in service}
    for name, image in others.items():
        default = re.sub(r"\$\{\w+:-(.+)\}", r"\1", image)
        repository, _, tag = default.partition(":")
        assert re.fullmatch(r"v?\d+(\.\d+)*", tag), (name, image)
        assert "." not in repository.split("/")[0], f"{name}: no registry's name belongs here: {image}"


def test_every_stage_of_the_image_that_is_run_is_labelled_and_is_nobody() -> None:
    text = (ROOT / "Dockerfile").read_text()
    parents = {name: parent for parent, name in re.findall(r"^FROM (\S+) AS (\S+)$", text, re.MULTILINE)}
    for target in ("service", "cuda", "train", "balancer"):
        line = [target]
        while line[-1] in parents:
            line.append(parents[line[-1]])
        assert "base" in line, f"{target} comes from {line}, and labels are in base"
    body = {
        part.split()[3]: part for part in re.split(r"(?=^FROM )", text, flags=re.MULTILINE) if part.startswith("FROM")
    }
    assert all("USER gatecast" in body[name] for name in ("serving", "train", "balancer"))
    assert "org.opencontainers.image.revision" in body["base"]
