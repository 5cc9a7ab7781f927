//! The program `rolecall`.

use std::process::ExitCode;

fn main() -> ExitCode {
    rolecall::cli::main(std::env::args_os())
}
