//! The `callsheet-mock` program.

use std::process::ExitCode;

use callsheet_mock::program;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    program::main().await
}
