//! The program `rolecall`.

use std::process::ExitCode;

/// A stream allocates on one worker and frees on another, which the system's allocator takes locks for. Its
/// own thread gives memory back to the system when a peak is over.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    rolecall::cli::plugin::this_is_the_program();
    rolecall::cli::main(std::env::args_os())
}
