# itemize-sidecar. Built from the top of the repository:
#   docker build --file docker/sidecar.Dockerfile --tag itemize-sidecar .

FROM debian:bookworm-slim AS builder
WORKDIR /src
COPY .ci/install_packages .ci/
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $(.ci/install_packages --list build-sidecar)
COPY Makefile itemize.control ./
COPY extension/include extension/include
COPY sidecar sidecar
RUN make install-sidecar BUILD_TYPE=Release DESTDIR=/stage \
 && strip /stage/usr/local/bin/itemize-sidecar

FROM debian:bookworm-slim AS runtime
COPY .ci/install_packages /tmp/
RUN groupadd --gid 10001 itemize \
 && useradd --uid 10001 --gid itemize --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin itemize \
 && apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $(/tmp/install_packages --list sidecar) \
 && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /tmp/*
COPY --from=builder /stage/ /
COPY LICENSE /usr/share/doc/itemize/copyright
COPY docker/sidecar/healthcheck /usr/local/bin/
# A library that is missing fails here, not at the first start.
RUN itemize-sidecar --version
ENV ITEMIZE_LISTEN=0.0.0.0:8080
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="itemize sidecar" \
      org.opencontainers.image.description="Carries committed rows from PostgreSQL through Redis to clients" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.licenses="PostgreSQL"
USER itemize
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s --retries=3 CMD ["healthcheck"]
ENTRYPOINT ["itemize-sidecar"]
CMD ["absolute"]

# With the demo's page at /: `--target demo`.
FROM runtime AS demo
COPY docker/demo/page /usr/share/itemize/page
ENV ITEMIZE_STATIC_DIR=/usr/share/itemize/page

FROM runtime
