# syntax=docker/dockerfile:1
# Trains, quantises, exports, packages and validates, with an NVIDIA GPU (amd64).
#   docker build -f docker/train-cuda.Dockerfile -t tinyscene:cuda .
#
# A plain Python base: PyPI's torch brings CUDA 13.0 itself, and the driver comes from the host
# through the NVIDIA Container Toolkit.

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
LABEL org.opencontainers.image.title="TinyScene, training with CUDA" \
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
# What the toolkit is to hand in, for engines that do without `--gpus all`.
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
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
