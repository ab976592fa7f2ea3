# Sluicegate as a container: no root, no compiler, no shell needed, nothing written outside /data and /tmp.
# Built from a clone: docker build -t sluicegate .

FROM python:3.12-slim AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY scripts/runtime_lock.py scripts/
RUN python scripts/runtime_lock.py >runtime.lock \
    && python -m venv /opt/sluicegate \
    && /opt/sluicegate/bin/pip install --require-hashes -r runtime.lock
# The program that builds the wheel has its pin and hashes from the same lock.
RUN python scripts/runtime_lock.py --build >build.lock \
    && python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes -r build.lock
COPY src src
RUN /opt/build/bin/hatchling build -t wheel \
    && /opt/sluicegate/bin/pip install --no-deps dist/*.whl \
    && /opt/sluicegate/bin/python -m compileall -q /opt/sluicegate

FROM python:3.12-slim
# The embedded database's files must be readable by the user who runs it; a fixed id lets hosts prepare volumes.
RUN groupadd --gid 10001 sluicegate \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin sluicegate \
    && install -d -o sluicegate -g sluicegate -m 0711 /data
COPY --from=build /opt/sluicegate /opt/sluicegate
ENV PATH=/opt/sluicegate/bin:$PATH \
    HOME=/data \
    PYTHONDONTWRITEBYTECODE=1 \
    SLUICEGATE_DATA_DIR=/data \
    SLUICEGATE_HOST=0.0.0.0 \
    SLUICEGATE_LOG_FORMAT=json
USER 10001:10001
VOLUME /data
EXPOSE 8787
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, ssl, urllib.request; urllib.request.urlopen(('https' if os.environ.get('SLUICEGATE_TLS_CERTIFICATE') else 'http') + '://127.0.0.1:8787/healthz', timeout=4, context=ssl._create_unverified_context())"]
ENTRYPOINT ["sluicegate"]
CMD ["serve"]
