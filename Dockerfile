# The ACD as an image: `docker build -t acd .`
#
# Tried with podman 4.3 on Debian 12, on a base made of Debian 12, Node 24.21 and npm 11, as the
# one below could not be fetched there: built, started, the health check's command, a call by SIPp,
# an end by SIGTERM, a second start with the journal of the first.

FROM node:24-bookworm-slim AS build
# No compiler, and no scripts that would want one: for this Node SQLite comes ready-made
# (better-sqlite3 13), and npm ci would try to compile it all the same, then leave it out.
WORKDIR /acd
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY src ./src
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM node:24-bookworm-slim
ENV NODE_ENV=production
WORKDIR /acd
COPY --from=build /acd/node_modules ./node_modules
COPY --from=build /acd/dist ./dist
COPY package.json acd.yaml ./
COPY prompts ./prompts
# The journal lives here: mount a volume, or calls' history ends with the container.
RUN mkdir data && chown node:node data
VOLUME /acd/data
USER node
# SIP, REST, RTP. RTP through Docker's port mapping costs a process per port: prefer
# `--network host`, or a short range in media.ports.
EXPOSE 5071/udp 5071/tcp 8242/tcp 20000-29999/udp
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s CMD \
  ["node", "-e", "fetch('http://127.0.0.1:8242/health').then(r=>process.exit(r.ok?0:1),()=>process.exit(1))"]
STOPSIGNAL SIGTERM
CMD ["node", "dist/main.js", "start"]
