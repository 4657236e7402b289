# syntax=docker/dockerfile:1
# A server for processors, with the shipped model inside:
#     docker build -f docker/cpu.Dockerfile -t provence .
#     docker run --rm -p 127.0.0.1:8000:8000 provence

FROM python:3.12-slim-bookworm AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY provence_plugins provence_plugins
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir ".[parquet,serve]"

FROM python:3.12-slim-bookworm
COPY --from=build /venv /venv
# No library looks for a model or sends anything; another model is a folder that is mounted.
ENV PATH=/venv/bin:$PATH \
    HOME=/tmp \
    HF_HUB_OFFLINE=1 \
    PYTHONUNBUFFERED=1 \
    PROVENCE_HOST=0.0.0.0 \
    PROVENCE_PORT=8000
# Without a name or a home: a number that owns no file.
USER 10001:10001
WORKDIR /tmp
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ['PROVENCE_PORT']}/ready\", timeout=2)"]
# The signal that lets the server finish what it took.
STOPSIGNAL SIGTERM
ENTRYPOINT ["provence"]
CMD ["serve"]
