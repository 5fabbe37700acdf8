//! The `waylight` binary: the allocator, and the command line.

/// Chosen by measurement: see docs/performance.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    waylight::app::cli::main()
}
