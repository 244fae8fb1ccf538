#!/usr/bin/env bash
# publish.sh [live|preview] : engrave all scores and upload them with the pages.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$here/build

choose() {
  case ${1:-live} in
    live) bucket=choir-scores ;;
    preview) bucket=choir-scores-preview ;;
    *) echo "usage: publish.sh [live|preview]" >&2; exit 64 ;;
  esac
}

sync_opts=(
  --only-show-errors
  --delete          # takes retired scores off the page
  --cache-control max-age=300
)

engrave() {
  local score name
  for score in "$here"/scores/*.csv; do
    name=$(basename "$score" .csv)
    # some of the old ones are odd, ignore them
    python3 "$here/bin/engrave.py" "$score" "$out/sheets/$name.txt" || echo "could not engrave $name" >&2
  done
}

build() {
  rm -rf "$out"
  mkdir -p "$out/sheets"
  cp -R "$here/pages/." "$out/"
  engrave
}

upload() {
  aws s3 sync "$out" "s3://$bucket" "${sync_opts[@]}"
}

choose "$@"
build
upload
echo "uploaded to $bucket"
