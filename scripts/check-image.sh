#!/usr/bin/env bash
# Checks an image of the gateway as users run it: read-only, unprivileged, with a directory that has the configuration.
set -euo pipefail
image=$1
configuration=$(mktemp -d)
echo 'backends: { ml: { url: "http://127.0.0.1:9" } }' >"$configuration/router.yaml"
chmod -R a+rX "$configuration"
options=(--read-only --tmpfs /tmp --cap-drop ALL --volume "$configuration:/config:ro" --env ROUTER_CONFIG=/config/router.yaml)

user=$(docker image inspect --format '{{.Config.User}}' "$image")
case "$user" in '' | 0 | 0:* | root | root:*) echo "$image runs as root; set USER in its Dockerfile" >&2 && exit 1 ;; esac

bytes=$(docker save "$image" | gzip | wc -c)
echo "$image: $((bytes / 1000000)) MB compressed, user $user"
[ "$bytes" -lt 75000000 ] || { echo "$image has more than 75 MB; remove what the bundle does not need" >&2 && exit 1; }

docker run --rm "${options[@]}" "$image" check /config/router.yaml
container=$(docker run --detach "${options[@]}" "$image")
trap 'docker rm --force "$container" >/dev/null' EXIT
for _ in $(seq 60); do
  health=$(docker inspect --format '{{.State.Health.Status}}' "$container")
  [ "$health" = healthy ] && echo "$image is healthy" && exit 0
  sleep 1
done
echo "$image is $health after 60 s; its log:" >&2
docker logs "$container" >&2
exit 1
