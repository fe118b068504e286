# syntax=docker/dockerfile:1
# Runs exported models on a Raspberry Pi with a 64-bit system: numpy and one TFLite interpreter.
#   docker buildx build --platform linux/arm64 -f docker/raspberry-pi.Dockerfile -t tinyscene:pi --load .

# A tag may be given to another image, a digest cannot. To pin one, take it from
#   docker buildx imagetools inspect python:3.11.15-slim-bookworm
# and build with --build-arg BASE=python:3.11.15-slim-bookworm@sha256:<digest>
ARG BASE=python:3.11.15-slim-bookworm

# In a stage of its own, because the next one is built again only when these lines change, and not
# with every edit of pyproject.toml.
FROM --platform=${BUILDPLATFORM} ${BASE} AS requirements
ARG EXTRA=pi
WORKDIR /build
COPY pyproject.toml docker/requirements_of.py ./
RUN python requirements_of.py ${EXTRA} > requirements.txt

# An environment without pip: the one that installs is the base image's.
FROM ${BASE} AS dependencies
ARG CONSTRAINTS=constraints.txt
WORKDIR /build
RUN python -m venv --without-pip /opt/tinyscene
COPY ${CONSTRAINTS} constraints.txt
COPY --from=requirements /build/requirements.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --python /opt/tinyscene/bin/python install \
    --only-binary :all: --constraint constraints.txt --requirement requirements.txt

FROM --platform=${BUILDPLATFORM} ${BASE} AS wheel
WORKDIR /build
COPY . .
RUN --mount=type=cache,target=/root/.cache/pip \
    pip wheel --no-deps --wheel-dir /dist .

FROM ${BASE}
ARG BASE
LABEL org.opencontainers.image.title="TinyScene for Raspberry Pi" \
      org.opencontainers.image.description="Acoustic scene classification: exported models, no training" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="${BASE}"

# 1000 is the first user of Raspberry Pi OS, who owns the recordings that are mounted.
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
# An image whose interpreter does not work is not built.
RUN ["tinyscene", "doctor"]

# Seldom, because a check at the same time would spoil a benchmark.
HEALTHCHECK --interval=1h --timeout=1m CMD ["tinyscene", "doctor"]
# `docker stop` as Ctrl-C.
STOPSIGNAL SIGINT
ENTRYPOINT ["tinyscene"]
CMD ["--help"]
