//! The `waylight` binary: the allocator, and the command line.

/// Every worker allocates and frees on its own thread; this one does so without contention.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    waylight::app::cli::main()
}
