//! The `leadline` program.

fn main() {}
