FROM python:3.12-slim-bookworm AS build
WORKDIR /src
COPY requirements.lock pyproject.toml README.md LICENSE ./
COPY gateway gateway
COPY schemas schemas
COPY adapters adapters
COPY keys keys
RUN python -m venv /app \
 && /app/bin/pip install --no-cache-dir --require-hashes -r requirements.lock \
 && /app/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

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
