FROM python:3.12-slim-bookworm AS build
WORKDIR /src
# What runs the gateway, and what builds it: nothing that only tests need.
COPY requirements-run.lock requirements-build.lock pyproject.toml README.md LICENSE ./
COPY gateway gateway
COPY schemas schemas
COPY adapters adapters
COPY keys keys
RUN python -m venv /build && python -m venv /app \
 && /build/bin/pip install --no-cache-dir --require-hashes -r requirements-build.lock \
 && /build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /app/bin/pip install --no-cache-dir --require-hashes -r requirements-run.lock \
 && /app/bin/pip install --no-cache-dir --no-deps /wheels/*.whl

FROM python:3.12-slim-bookworm
# What the reports as PDF need: text layout, and one font.
RUN apt-get update \
 && apt-get install -y --no-install-recommends libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core \
 && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --create-home --home-dir /var/lib/cme-gateway gateway
COPY --from=build /app /app
USER 10001
ENTRYPOINT ["/app/bin/cme-gateway"]
CMD ["serve"]
