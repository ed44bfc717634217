# callsheet and the fake on nothing else: `docker build --tag callsheet:0.1.0 .`
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --profile dist --locked --bin callsheet --bin callsheet-mock \
    && deploy/image.sh /image target/dist/callsheet target/dist/callsheet-mock

# CI builds and runs what is below with the programs that it has built itself.
FROM scratch
COPY --from=build /image/ /
ENV PATH=/usr/local/bin
USER 10001:10001
WORKDIR /work
ENTRYPOINT ["/usr/local/bin/callsheet"]
