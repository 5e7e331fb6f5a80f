# Redis from Debian, with one user for the sidecar. Built from the top of the repository:
#   docker build --file docker/redis.Dockerfile --tag itemize-redis .

FROM debian:bookworm-slim
COPY .ci/install_packages /tmp/
RUN groupadd --system --gid 999 redis \
 && groupadd --gid 10001 itemize \
 && useradd --system --uid 999 --gid redis --groups itemize --home-dir /var/lib/redis redis \
 && apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $(/tmp/install_packages --list redis) \
 && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /tmp/* \
 && install -d -o redis -g redis -m 700 /var/lib/redis
COPY docker/redis/redis.conf /etc/itemize/
COPY docker/redis/entrypoint docker/redis/healthcheck /usr/local/bin/
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="itemize redis" \
      org.opencontainers.image.description="Redis with one user for itemize-sidecar" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.licenses="PostgreSQL AND BSD-3-Clause"
USER redis
WORKDIR /var/lib/redis
EXPOSE 6379
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 CMD ["healthcheck"]
ENTRYPOINT ["entrypoint"]
CMD ["redis-server", "/etc/itemize/redis.conf"]
