//! Reports of recordings: what they say, and that their pages do in a real browser what they should.

mod command;
mod page;
mod scene;
