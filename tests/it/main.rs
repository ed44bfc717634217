//! Everything that needs the whole program, in one binary.

mod layers;
