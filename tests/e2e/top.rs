//! The screen, on a real pseudo-terminal: what it shows at every size, and that it leaves the terminal
//! whole however it ends.

mod ends;
mod live;
mod looks;
mod recording;
mod scene;
