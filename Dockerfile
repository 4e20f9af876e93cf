# HashiCorp Vault or OpenBao with the plugin inside: docs/containers.md.
#
# No feature of BuildKit is used, so that the older builder, which Docker's Python client speaks to,
# can build it too.
ARG BASE=hashicorp/vault:1.20

FROM debian:bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
        ca-certificates gcc make python3 python3-venv
WORKDIR /build
COPY . .
RUN make build FORM=executable

# A file that cannot run here ends the build. Nothing else of BASE changes, its user neither.
FROM ${BASE}
COPY --from=build /build/dist/ /usr/local/lib/vault-plugins/
RUN ["/usr/local/lib/vault-plugins/vault-plugin-secrets-pachyderm", "--version"]
