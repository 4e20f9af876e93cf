# HashiCorp Vault or OpenBao with the plugin built inside: docs/containers.md.
#
# No feature of BuildKit is used, so that the older builder, which Docker's Python client speaks to,
# can build it too.
ARG BASE=hashicorp/vault:1.20

# What runs the plugin: a Python of 3.11 or newer and, on Alpine, the compiler's run-time library.
FROM ${BASE} AS runtime
USER root
RUN if command -v apk; then apk add --no-cache libgcc python3; \
    else microdnf install -y --nodocs python3.12 && microdnf clean all; fi

# On Alpine (musl) two wheels need help. protobuf has none with its native half, which the plugin
# demands, so its source is compiled. cryptography's brings a libgcc_s of its own in the folder beside
# it; the plugin loads native modules from memory, where there is no beside, so it gets the system's.
FROM runtime AS build
WORKDIR /build
COPY requirements-plugin.lock ./
RUN set -eu; \
    python=$(command -v python3.12 || command -v python3); \
    install() { \
        "$python" -m pip install --no-cache-dir --no-compile --disable-pip-version-check \
            --require-hashes --no-deps --only-binary :all: "$@" \
            --target packages -r requirements-plugin.lock; \
    }; \
    if command -v apk; then \
        apk add --no-cache gcc musl-dev patchelf py3-pip py3-setuptools py3-wheel python3-dev; \
        install --no-binary protobuf --use-pep517 --no-build-isolation; \
        patchelf --remove-rpath --replace-needed \
            "$(basename packages/cryptography.libs/libgcc_s-*)" libgcc_s.so.1 \
            packages/cryptography/hazmat/bindings/_rust.abi3.so; \
    else \
        microdnf install -y --nodocs python3.12-pip; \
        install; \
    fi
COPY LICENSE ./
COPY scripts scripts
COPY shim shim
COPY vault_plugin vault_plugin
RUN set -eu; \
    python=$(command -v python3.12 || command -v python3); \
    PYTHONPATH=/build/packages "$python" -m scripts.bundle \
        --output dist/vault-plugin-secrets-pachyderm --interpreter "$python"

# --version loads the native modules: a file that cannot run here ends the build.
FROM runtime
COPY --from=build /build/dist/ /usr/local/lib/vault-plugins/
RUN /usr/local/lib/vault-plugins/vault-plugin-secrets-pachyderm --version
ARG RUN_AS=root
USER ${RUN_AS}
