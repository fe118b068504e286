# syntax=docker/dockerfile:1
# Trains, quantises, exports, packages and validates on a PC's processor (amd64).
#   docker build -f docker/train-cpu.Dockerfile -t tinyscene:cpu .

# A tag may be given to another image, a digest cannot. To pin one, take it from
#   docker buildx imagetools inspect python:3.11.15-slim-bookworm
# and build with --build-arg BASE=python:3.11.15-slim-bookworm@sha256:<digest>
ARG BASE=python:3.11.15-slim-bookworm

# In a stage of its own, because the next one is built again only when these lines change, and not
# with every edit of pyproject.toml.
FROM ${BASE} AS requirements
WORKDIR /build
COPY pyproject.toml docker/requirements_of.py ./
RUN python requirements_of.py export > requirements.txt

# An environment without pip: the one that installs is the base image's.
FROM ${BASE} AS dependencies
WORKDIR /build
RUN python -m venv --without-pip /opt/tinyscene
COPY constraints.txt ./
# PyPI's torch for Linux brings gigabytes of CUDA along. PyTorch's own index has the same version
# without; pip keeps it below, as it meets the requirement.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --python /opt/tinyscene/bin/python install \
    --no-deps --index-url ${TORCH_INDEX} --constraint constraints.txt torch
COPY --from=requirements /build/requirements.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --python /opt/tinyscene/bin/python install \
    --only-binary :all: --constraint constraints.txt --requirement requirements.txt

FROM ${BASE} AS wheel
WORKDIR /build
COPY . .
RUN --mount=type=cache,target=/root/.cache/pip \
    pip wheel --no-deps --wheel-dir /dist .

FROM ${BASE}
ARG BASE
LABEL org.opencontainers.image.title="TinyScene, training on a CPU" \
      org.opencontainers.image.description="Acoustic scene classification: from recordings to a DCASE Task 1 submission" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="${BASE}"

# 1000 is the first user of most Linux systems, who owns the folder that is mounted.
RUN useradd --uid 1000 --no-create-home --home-dir /tmp tinyscene \
    && install --directory --owner tinyscene /work

COPY --from=dependencies /opt/tinyscene /opt/tinyscene
RUN --mount=type=bind,from=wheel,source=/dist,target=/dist \
    pip --python /opt/tinyscene/bin/python install --no-cache-dir --no-index --no-deps /dist/*.whl

# With --user, any user may run it: what keeps caches under HOME needs one that can be written to.
ENV PATH=/opt/tinyscene/bin:${PATH} \
    HOME=/tmp
USER 1000
WORKDIR /work
# An image whose parts do not work together is not built.
RUN ["tinyscene", "doctor"]

# Seldom, because a check takes a processor from the training for a few seconds.
HEALTHCHECK --interval=1h --timeout=2m CMD ["tinyscene", "doctor"]
# `docker stop` as Ctrl-C: the run goes on where it was when it is started again.
STOPSIGNAL SIGINT
ENTRYPOINT ["tinyscene"]
CMD ["--help"]
