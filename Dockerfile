# The relay as a container: one static binary, no shell, no root, a root file
# system that may be read-only. Only /run/relay, which holds the socket, must be
# writable: mount a volume there that the app's container mounts too.
# /etc/relay/relay.yaml is as redis-relay init writes it: it has no routes, and no
# address of Redis, without which the relay does not start.
#
#   docker build --build-arg VERSION=1.2.3 -t redis-relay .
#   docker run --read-only -v relay:/run/relay -e RELAY_REDIS_URL=redis://redis:6379 redis-relay

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /image/redis-relay .
RUN mkdir -p /image/run/relay /image/etc/relay \
 && /image/redis-relay init --config /image/etc/relay/relay.yaml

FROM scratch
# The authorities that rediss:// trusts unless redis.tls.ca names others.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /image/etc/ /etc/
COPY --from=build --chown=65532:65532 /image/run/ /run/
COPY --from=build /image/redis-relay /redis-relay

# Probes come from outside the container, so HTTP listens on every interface.
ENV RELAY_SOCKET_PATH=/run/relay/relay.sock \
    RELAY_HTTP_LISTEN=0.0.0.0:9464 \
    RELAY_LOG_FORMAT=json
EXPOSE 9464
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["/redis-relay", "health", "--config", "/etc/relay/relay.yaml"]
ENTRYPOINT ["/redis-relay"]
CMD ["--config", "/etc/relay/relay.yaml"]
