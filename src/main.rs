//! The `waylight` binary: the allocator, and the command line.

/// Every worker allocates and frees on its own thread; this one does so without contention.
#[global_allocator]
static ALLOCATOR: waylight::allocator::Mimalloc = waylight::allocator::Mimalloc;

fn main() -> std::process::ExitCode {
    waylight::app::cli::main()
}
