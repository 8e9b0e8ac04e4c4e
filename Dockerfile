# Lapel alone, for use with an EventStoreDB and a Postgres elsewhere (see compose.yaml).
FROM node:24-bookworm-slim
ENV NODE_ENV=production
WORKDIR /opt/lapel
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts && npm cache clean --force
COPY bin bin
COPY protocol protocol
COPY projections projections
COPY src src
COPY LICENSE README.md ./
RUN install -d -o node -g node -m 0700 /var/lib/lapel
USER node
ENV LAPEL_DATA=/var/lib/lapel LAPEL_HTTP=0.0.0.0:8080 LAPEL_MQTT=0.0.0.0:1883
VOLUME /var/lib/lapel
EXPOSE 8080 1883
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8080/health/ready').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "bin/lapel.js"]
CMD ["serve"]
