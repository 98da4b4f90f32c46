//! `bridgetrace rescue`: lets the client back in, and takes its route back whatever happens to it.

mod asked;
mod held;
mod killed;
mod refused;
mod scene;
mod six;
