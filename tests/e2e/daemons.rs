//! Daemons that go away and come back: what ended them, and with what they came back.

mod containerd;
mod lost;
mod restarted;
mod scene;
mod upgraded;
