# PostgreSQL with PostGIS and itemize. Built from the top of the repository:
#   docker build --file docker/database.Dockerfile --tag itemize-database .

FROM debian:bookworm-slim AS builder
WORKDIR /src
COPY .ci/install_packages .ci/
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $(.ci/install_packages --list build-extension)
COPY Makefile itemize.control ./
COPY sql sql
COPY migrations migrations
COPY extension extension
COPY tests/boundary tests/boundary
RUN make install-extension DESTDIR=/stage \
 && rm -r /stage/usr/include

FROM debian:bookworm-slim AS runtime
COPY .ci/install_packages /tmp/
# The same numbers in every image and release: they own the volumes. The group reads the secrets that are shared.
RUN groupadd --system --gid 999 postgres \
 && groupadd --gid 10001 itemize \
 && useradd --system --uid 999 --gid postgres --groups itemize --home-dir /var/lib/postgresql --shell /bin/bash postgres \
 && mkdir -p /etc/postgresql-common \
 && echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf \
 && apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      -o Dpkg::Options::=--force-confold $(/tmp/install_packages --list database) \
 && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /tmp/* \
 && mkdir -p /etc/itemize/conf.d /docker-entrypoint-initdb.d /run/secrets \
 && install -d -o postgres -g postgres -m 700 /var/lib/postgresql \
 && install -d -o postgres -g postgres -m 2775 /run/postgresql \
 && install -d -o postgres -g itemize -m 2750 /run/secrets/database /run/secrets/redis
COPY --from=builder /stage/ /
COPY LICENSE /usr/share/doc/itemize/copyright
COPY docker/database/postgresql.conf docker/database/pg_hba.conf docker/database/sidecar_roles.sql /etc/itemize/
COPY docker/database/entrypoint docker/database/first_start docker/database/healthcheck docker/database/make_secrets /usr/local/bin/
ENV PATH=/usr/lib/postgresql/15/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 \
    PGDATA=/var/lib/postgresql/15/main
# Minor releases that have this setting load no other output plugin than it names.
RUN postgres --describe-config | awk -F '\t' \
      '$1 == "output_plugin_libraries" { print $1 " = \x27" $5 ", itemize\x27" }' > /etc/itemize/output_plugin.conf
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="itemize database" \
      org.opencontainers.image.description="PostgreSQL 15 with PostGIS and the itemize extension, set up for logical decoding" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.licenses="PostgreSQL"
USER postgres
WORKDIR /var/lib/postgresql
EXPOSE 5432
# PostgreSQL's fast shutdown: sessions are ended, everything is written.
STOPSIGNAL SIGINT
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 CMD ["healthcheck"]
ENTRYPOINT ["entrypoint"]
CMD ["postgres"]

# With the demo's catalogue and what loads it: `--target demo`.
FROM runtime AS demo
COPY docker/demo/schema.sql docker/demo/define.sql docker/demo/rates.sql docker/demo/import.sql docker/demo/import.sh docker/demo/lib.sh docker/demo/catalogue.csv \
     docker/demo/load_catalogue /usr/share/itemize/demo/

FROM runtime
