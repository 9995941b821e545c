#!/bin/sh
# Copies what the pages and their tests carry from node_modules into the repository, so that running and testing need no Node.
# The copies are committed with their licences; continuous integration repeats this and expects no difference.
set -eu
cd "$(dirname "$0")"
vendor=../shared/chassis/src/chassis/web/static/vendor
axe=../services/reporting/tests/web/vendor

font=$vendor/source-sans-3-5.3.0
mkdir -p "$font" "$axe/axe-core-4.14.1"
cp node_modules/@fontsource-variable/source-sans-3/files/source-sans-3-latin-wght-normal.woff2 "$font/latin.woff2"
cp node_modules/@fontsource-variable/source-sans-3/LICENSE "$font/LICENSE"

cp node_modules/axe-core/axe.min.js node_modules/axe-core/LICENSE node_modules/axe-core/LICENSE-3RD-PARTY.txt "$axe/axe-core-4.14.1/"
