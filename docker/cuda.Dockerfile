# syntax=docker/dockerfile:1
# A server for NVIDIA GPUs, with the shipped model inside. The machine needs the NVIDIA Container Toolkit:
#     docker build -f docker/cuda.Dockerfile -t provence:cuda .
#     docker run --rm --gpus all -p 127.0.0.1:8000:8000 provence:cuda

FROM python:3.12-slim-bookworm AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY provence_plugins provence_plugins
# torch for Linux brings the libraries of CUDA; only the driver comes from the machine.
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir ".[parquet,serve,torch]"

FROM python:3.12-slim-bookworm
COPY --from=build /venv /venv
# No library looks for a model or sends anything; another model is a folder that is mounted.
ENV PATH=/venv/bin:$PATH \
    HOME=/tmp \
    HF_HUB_OFFLINE=1 \
    PYTHONUNBUFFERED=1 \
    PROVENCE_HOST=0.0.0.0 \
    PROVENCE_PORT=8000 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
# Without a name or a home: a number that owns no file.
USER 10001:10001
WORKDIR /tmp
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ['PROVENCE_PORT']}/ready\", timeout=2)"]
# The signal that lets the server finish what it took.
STOPSIGNAL SIGTERM
ENTRYPOINT ["provence"]
CMD ["serve", "--backend", "torch", "--device", "cuda", "--dtype", "bfloat16"]
