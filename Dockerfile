# Two images: `service` answers forecasts on ONNX Runtime and knows no torch; `train` trains, exports and verifies. A third
# one, `balancer`, is HAProxy in front of several services that share a journal (deploy/haproxy.cfg).
#   docker build --target service -t gatecast .
#   docker build --target train -t gatecast-train .
FROM python:3.11-slim AS base
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PATH=/opt/gatecast/bin:$PATH
RUN useradd --create-home --uid 10001 gatecast

# The compiler of our own step (service/runtimes/kernel) stays in this stage: the images copy /opt/gatecast alone. Where it
# cannot be had the image is built all the same, and serves on ONNX Runtime (tests/containers.sh wants it native).
FROM base AS build
RUN (apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev \
     && (test -f "$(python3 -c 'import sysconfig; print(sysconfig.get_paths()["include"])')/Python.h" \
         || apt-get install -y --no-install-recommends python3-dev)) || echo "no compiler: no native step" >&2; \
    rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /opt/gatecast
WORKDIR /src
COPY pyproject.toml setup.py constraints.txt README.md LICENSE ./
COPY client/ client/
COPY commands/ commands/
COPY datasets/ datasets/
COPY models/ models/
COPY export/ export/
COPY service/ service/

FROM build AS build-service
RUN pip install --no-cache-dir --disable-pip-version-check -c constraints.txt '.[grpc,redis]' \
 && pip uninstall --quiet --yes pip setuptools \
 && find /opt/gatecast -name '__pycache__' -prune -exec rm -rf {} + \
 && find /opt/gatecast -type d -name tests -path '*site-packages/numpy*' -prune -exec rm -rf {} +

FROM build AS build-train
RUN pip install --no-cache-dir --disable-pip-version-check -c constraints.txt ./client '.[train]'

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

# The last stage is what a plain `docker build .` makes.
FROM base AS service
COPY --from=build-service /opt/gatecast /opt/gatecast
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
