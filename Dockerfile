# Two images from one file: `api` (no torch) and `worker`.
#   docker build --target api -t trainyard-api .
#   docker build --target worker -t trainyard-worker .
#   docker build --target worker --build-arg TORCH_INDEX= -t trainyard-worker-gpu .     torch with CUDA

FROM python:3.11.13-slim-bookworm AS base
ENV HOME=/tmp \
    PYTHONFAULTHANDLER=1 \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    TRAINYARD_DATA_DIR=/data
WORKDIR /app
RUN groupadd --gid 10001 trainyard \
    && useradd --uid 10001 --gid trainyard --no-create-home --home-dir /tmp --shell /usr/sbin/nologin trainyard \
    && install --directory --owner trainyard --group trainyard /data
# The dependencies are installed before the code is there, so that a change of the code rebuilds no layer of them
COPY pyproject.toml constraints.txt README.md ./
RUN mkdir api launcher models worker \
    && pip install --no-cache-dir --constraint constraints.txt ".[otel]"
STOPSIGNAL SIGTERM

FROM base AS torch
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN pip install --no-cache-dir --constraint constraints.txt \
    ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} ".[otel,worker]"

FROM torch AS worker
COPY models models
COPY worker worker
RUN python -m compileall -q models worker
USER 10001:10001
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["python", "-m", "worker.health"]
CMD ["celery", "-A", "worker.app", "worker", "-P", "threads", "--without-gossip", "--without-mingle"]

FROM base AS api
COPY models models
COPY api api
RUN python -m compileall -q models api
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
CMD ["uvicorn", "--factory", "api.main:create_app", "--host", "0.0.0.0", "--port", "8000", "--http", "api.connections:Connection", "--ws", "none", "--no-access-log", "--no-server-header", "--timeout-graceful-shutdown", "5"]
