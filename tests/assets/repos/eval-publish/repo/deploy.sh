#!/bin/bash
# deploy.sh : convert the maps and put them on the server.
cd "$(dirname "$0")"
TARGET=maps@tiles.example:/srv/tiles
CMD="rsync -a --delete out/ $TARGET/"

mkdir -p out
for map in maps/*.osm; do
  cp "$map" out/
done
eval "$CMD"
