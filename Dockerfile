# Images: `service` answers forecasts on ONNX Runtime and knows no torch; `cuda` serves with the states on an NVIDIA GPU;
# `train` trains, exports and verifies; `balancer` is HAProxy in front of several services that share a journal
# (deploy/haproxy.cfg).
#   docker build --target service -t gatecast .
#   docker build --target cuda -t gatecast-cuda .
#   docker build --target train -t gatecast-train .
# What an image is made of stands in its labels: --build-arg VERSION=… --build-arg REVISION="$(git rev-parse HEAD)"
# --build-arg CREATED="$(date -u +%Y-%m-%dT%H:%M:%SZ)"; what is installed in it, in `make sbom`.
FROM python:3.11-slim AS base
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="Gatecast" \
      org.opencontainers.image.description="Live forecasts from a recurrent model that remembers" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.created="$CREATED" \
      org.opencontainers.image.base.name="python:3.11-slim"
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PATH=/opt/gatecast/bin:$PATH
RUN useradd --create-home --uid 10001 gatecast

# The compiler of our own step (service/runtimes/kernel) stays in this stage: the images copy /opt/gatecast alone. Where it
# cannot be had the image is built all the same, and serves on ONNX Runtime (tests/containers.sh wants it native).
# It is of no version: labels change with each commit, and nothing here is to be done again for them.
FROM python:3.11-slim AS build
ENV PYTHONDONTWRITEBYTECODE=1 PATH=/opt/gatecast/bin:$PATH
RUN (apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev \
     && (test -f "$(python3 -c 'import sysconfig; print(sysconfig.get_paths()["include"])')/Python.h" \
         || apt-get install -y --no-install-recommends python3-dev)) || echo "no compiler: no native step" >&2; \
    rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /opt/gatecast
WORKDIR /src
COPY pyproject.toml constraints.txt ./

# What others wrote comes first, and only again when it changes: packages are kept from one build to the next.
FROM build AS needed-service
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -c "import tomllib; of = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
print(*of['dependencies'], *of['optional-dependencies']['grpc'], *of['optional-dependencies']['redis'], *of['optional-dependencies']['otel'], sep='\n')" > needed.txt \
 && pip install --disable-pip-version-check -c constraints.txt -r needed.txt

FROM needed-service AS needed-cuda
RUN --mount=type=cache,target=/root/.cache/pip pip install --disable-pip-version-check -c constraints.txt torch

FROM build AS needed-train
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -c "import tomllib; of = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
print(*of['dependencies'], *of['optional-dependencies']['train'], sep='\n')" > needed.txt \
 && pip install --disable-pip-version-check -c constraints.txt -r needed.txt

FROM scratch AS sources
COPY setup.py README.md LICENSE /
COPY client/ /client/
COPY commands/ /commands/
COPY datasets/ /datasets/
COPY models/ /models/
COPY export/ /export/
COPY service/ /service/

FROM needed-service AS build-service
COPY --from=sources / ./
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --disable-pip-version-check --no-deps . \
 && pip uninstall --quiet --yes pip setuptools \
 && find /opt/gatecast -name '__pycache__' -prune -exec rm -rf {} + \
 && find /opt/gatecast -type d -name tests -path '*site-packages/numpy*' -prune -exec rm -rf {} +

FROM needed-cuda AS build-cuda
COPY --from=sources / ./
RUN --mount=type=cache,target=/root/.cache/pip pip install --disable-pip-version-check --no-deps .

FROM needed-train AS build-train
COPY --from=sources / ./
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --disable-pip-version-check -c constraints.txt ./client && pip install --no-deps .

FROM base AS train
COPY --from=build-train /opt/gatecast /opt/gatecast
RUN mkdir -p /runs /model && chown gatecast /runs /model
USER gatecast
WORKDIR /runs
ENTRYPOINT ["gatecast"]
CMD ["--help"]

FROM base AS balancer
RUN apt-get update && apt-get install -y --no-install-recommends haproxy && rm -rf /var/lib/apt/lists/*
COPY deploy/haproxy.cfg /etc/haproxy/gatecast.cfg
USER gatecast
EXPOSE 8080
CMD ["haproxy", "-W", "-db", "-f", "/etc/haproxy/gatecast.cfg"]

FROM base AS serving
RUN mkdir -p /bundle /journal && chown gatecast /bundle /journal
USER gatecast
WORKDIR /home/gatecast
EXPOSE 8000
VOLUME ["/journal"]
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["python3", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/ready', timeout=2)"]
ENTRYPOINT ["gatecast"]
# On all addresses of the container it wants keys (-e GATECAST_KEYS=/journal/keys.json), or to be told that it shall do
# without: -e GATECAST_ALLOW_ANONYMOUS=true, with its port published as -p 127.0.0.1:8000:8000.
CMD ["serve", "/bundle", "--host", "0.0.0.0", "--port", "8000", "--journal", "sqlite:/journal/journal.sqlite"]

# Wants the NVIDIA container runtime: docker run --gpus all … (docs/operations.md).
FROM serving AS cuda
COPY --from=build-cuda /opt/gatecast /opt/gatecast
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
ENV GATECAST_RUNTIME=torchscript GATECAST_DEVICE=cuda

# The last stage is what a plain `docker build .` makes.
FROM serving AS service
COPY --from=build-service /opt/gatecast /opt/gatecast
