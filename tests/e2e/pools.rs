//! Which subnet the next network gets: the forecast against what real engines of each kind do.

mod compose;
mod dice;
mod forecast;
mod full;
mod scene;
