#!/bin/bash
# publish.sh : render the recipes and upload them. Nothing is ever deleted from the bucket.
set -euo pipefail
cd "$(dirname "$0")"
rm -rf public
mkdir public
cp -R pages/. public/
aws s3 sync public/ s3://bakery-recipes/ --no-progress
