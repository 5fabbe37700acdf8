# Waylight in a small image, run by nobody in particular.
#
#   docker build -t waylight .
#   docker run -p 8080:8080 -v ./proxy.toml:/etc/waylight/proxy.toml:ro -v waylight:/var/lib/waylight waylight

FROM rust:1-slim-trixie AS build
WORKDIR /src
ENV CARGO_PROFILE_RELEASE_DEBUG=false CARGO_PROFILE_RELEASE_STRIP=symbols
COPY Cargo.toml Cargo.lock build.rs ./
COPY docs/openapi.json docs/openapi.json
COPY src src
COPY benches benches
RUN cargo build --release --locked --bin waylight

FROM debian:trixie-slim
# The system's root certificates, for upstreams and back ends that speak TLS.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /var/lib/waylight --create-home --shell /usr/sbin/nologin waylight
COPY --from=build /src/target/release/waylight /usr/local/bin/waylight
USER 10001:10001
WORKDIR /var/lib/waylight
VOLUME /var/lib/waylight
# State goes there if the configuration names no other place.
ENV STATE_DIRECTORY=/var/lib/waylight
# Ports above 1023: nothing here needs to be root.
EXPOSE 8080 8443
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
  CMD ["waylight", "health", "--config", "/etc/waylight/proxy.toml"]
ENTRYPOINT ["waylight"]
CMD ["--config", "/etc/waylight/proxy.toml"]
